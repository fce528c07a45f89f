"""THE BOOKS: accounts and transfers; has never heard of a card, a rule or ISO 8583."""
