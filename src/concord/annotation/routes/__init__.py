"""The addresses of the web server, one file for each kind of errand."""
