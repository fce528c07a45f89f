"""World files: the people, cards, places and money that an installation begins with.

`records` say what may be written, `reading` finds it in a file, `staging` strips it of card
numbers, `folding` turns it into holders and movements of the books, `loading` writes all of it or
nothing.
`generating` makes worlds of any size from a seed.
"""
