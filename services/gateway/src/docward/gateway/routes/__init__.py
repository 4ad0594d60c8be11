"""The addresses of the API: each handler translates in, calls, translates out."""
