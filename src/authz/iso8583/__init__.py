"""The wire: ISO 8583:1987 messages, as bytes and as fields.

`spec` says what the fields are, `forms` how one value looks on the wire, `codec` reads and writes
whole messages, `profiles` holds what differs between networks, `mti` and `tlv` read inside, and
`describe` prints without showing what must not be shown. Pure: no input, no output.
"""
