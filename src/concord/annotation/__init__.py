"""What annotators say, kept and compared."""
