"""The commands of `millesime`, one small module for each family."""
