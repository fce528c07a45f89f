"""The numbers of the data elements that we read or write, by name (ISO 8583:1987, 4.3). Pure.

Imported as `de`, so that `fields[de.STAN]` is what the documents call DE11. What must be there
stands in lists of numbers, as INTERFACE has them.
"""

from typing import Final

PAN: Final = 2
PROCESSING: Final = 3
AMOUNT: Final = 4
AMOUNT_MAX: Final = 999_999_999_999
"""The most that DE4 can say, in cents: twelve digits."""
TRANSMISSION: Final = 7
"""Date and time, MMDDhhmmss in UTC."""
STAN: Final = 11
"""The system trace audit number."""
LOCAL_TIME: Final = 12
LOCAL_DATE: Final = 13
EXPIRY: Final = 14
SETTLEMENT_DATE: Final = 15
ENTRY_MODE: Final = 22
CARD_SEQUENCE: Final = 23
ACQUIRER: Final = 32
TRACK_2: Final = 35
RRN: Final = 37
"""The retrieval reference number."""
APPROVAL_CODE: Final = 38
RESPONSE_CODE: Final = 39
TERMINAL: Final = 41
MERCHANT: Final = 42
PRIVATE: Final = 48
CURRENCY: Final = 49
PIN_BLOCK: Final = 52
ADDITIONAL_AMOUNTS: Final = 54
CHIP_DATA: Final = 55
MAC: Final = 64
SETTLEMENT_CODE: Final = 66
NETWORK_CODE: Final = 70
"""What a network message is for."""
ORIGINAL: Final = 90
REPLACEMENT: Final = 95
NET: Final = 97
SECOND_MAC: Final = 128
"""Where the MAC is if a secondary bitmap is there."""
