"""What must not be seen: card numbers, telephones and keys, and how they are kept."""
