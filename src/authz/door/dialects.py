"""What is spoken at an ISO 8583 door, and the keys that it takes: refused before anything runs."""

from pathlib import Path

from authz.door.addresses import Listener
from authz.door.policies import CryptogramPolicy, MacPolicy
from authz.hsm import SecurityModule
from authz.iso8583.profiles import Profile, profile, profile_names
from authz.settings import Settings
from authz.usage import UsageError
from authz.wire.framing import Framing
from authz.wire.message_auth import Authenticator


def profiles_are_good(folder: Path | None) -> None:
    """Every profile of the installation, whether or not a door speaks it. Raises UsageError."""
    if folder is None:
        return
    try:
        for name in profile_names(folder):
            profile(name, folder)
    except ValueError as error:
        raise UsageError(str(error)) from None


def dialect(door: Listener, folder: Path | None = None) -> tuple[Profile, Framing]:
    """Profile and framing of a door; `folder` has profiles beside the bundled ones.

    Raises UsageError for a profile that there is not.
    """
    try:
        spoken = profile(door.profile, folder)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return spoken, door.framing or spoken.framing


def authenticator(spoken: Profile, door: Listener, module: SecurityModule) -> Authenticator | None:
    """Who makes and checks the MACs of a door. Raises UsageError where the key is not there."""
    policy = door.mac or spoken.mac
    if policy is MacPolicy.OFF:
        return None
    if not module.has_mac_key(spoken.name):
        raise UsageError(f"{door}: mac={policy} needs a [[mac]] key of {spoken.name} in --keys")
    return Authenticator(spoken, policy, module)


def refuse_keyless_chips(door: Listener, module: SecurityModule) -> None:
    """Raises UsageError for a door that requires cryptograms which nobody could check."""
    if door.cryptogram is CryptogramPolicy.REQUIRE and not module.has_card_keys():
        raise UsageError(f"{door}: cryptogram=require needs [[emv_master]] keys in --keys")


def doors_have_keys(settings: Settings, module: SecurityModule) -> None:
    """Every door as it would be opened. Raises UsageError."""
    for door in settings.listeners:
        authenticator(dialect(door, settings.profiles_dir)[0], door, module)
        refuse_keyless_chips(door, module)
