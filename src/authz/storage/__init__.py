"""PostgreSQL under the road: what a batch reads, the one statement that saves it, the sessions."""
