"""What a door makes of two proofs that a message may carry: a policy for each, never mixed up.

A setting, a profile or a listener names one; the words are the same wherever they are written.
"""

from enum import StrEnum


class MacPolicy(StrEnum):
    """What becomes of MACs (DE64, DE128): nothing, checked where one comes, wanted everywhere."""

    OFF = "off"
    ACCEPT = "accept"
    REQUIRE = "require"


class CryptogramPolicy(StrEnum):
    """What becomes of chip data (DE55): not looked at, looked at when they come, or required."""

    OFF = "off"
    WHEN_PRESENT = "when_present"
    REQUIRE = "require"
