"""Key files for the tests of the security module, and a clock that is moved by hand."""

from authz.custody.keys import EmvMasterKey, KeyFile, MacKey, PanDigestKey, Secret, ZoneKey
from authz.custody.safe import Safe
from authz.custody.vault import Vault
from authz.hsm.software import SoftwareModule

IMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
MAC_KEY = bytes.fromhex("1122334455667788A1B2C3D4E5F60718")
PIN_KEY = bytes.fromhex("8877665544332211101112131415161718191A1B1C1D1E1F"[:32])
MASTER_KEY = bytes.fromhex("F0E1D2C3B4A5968778695A4B3C2D1E0F")


VAULT = Vault([("pan-test", bytes(range(32)))])


class Clock:
    """Monotonic seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def some_keys(
    issuer: bytes = IMK, mac: bytes = MAC_KEY, pin: bytes = PIN_KEY, master: bytes = MASTER_KEY
) -> KeyFile:
    return KeyFile(
        PanDigestKey("digest", Secret(bytes(range(32)))),
        emv_master=(
            EmvMasterKey("999967", "imk", Secret(issuer)),
            EmvMasterKey("999979", "imk-tokens", Secret(issuer)),
        ),
        zone=(
            ZoneKey("pin", Secret(pin), "ascii", "pin"),
            ZoneKey("master", Secret(master), "ascii", "master"),
        ),
        mac=(MacKey("ascii", "mac", Secret(mac)),),
    )


def some_safe() -> Safe:
    """The module of these keys, and a vault of their numbers."""
    return Safe(some_module(), VAULT)


def some_module(keys: KeyFile | None = None, clock: Clock | None = None) -> SoftwareModule:
    return SoftwareModule(keys or some_keys(), clock or Clock())
