"""World files: the people, cards, places and money that an installation begins with.

`records` say what may be written, `read` finds it in a file, `stage` strips it of card numbers,
`fold` turns it into holders and movements of the books, `load` writes all of it or nothing.
`generate` makes worlds of any size from a seed. Afterwards `change` takes in one record at a time,
`left_out` fills it with what is there, and `known` reads it back.
"""
