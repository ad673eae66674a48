"""Every formula of alignment, one pure function each; import the file that you need (this face is empty)."""
