"""Keeping the views: who works, what is read, written, held back, healed and built anew."""
