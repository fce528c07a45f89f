"""The proof of books and answers: laws said in SQL, and every decision made again."""
