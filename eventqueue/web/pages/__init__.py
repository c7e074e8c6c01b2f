"""The pages: each shows what one address asks for."""
