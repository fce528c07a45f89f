"""THE DECISION: facts in, decision and trace out; pure, dated, cited."""
