"""Who brings codes and notices to people: a signed webhook, a private file, nobody."""
