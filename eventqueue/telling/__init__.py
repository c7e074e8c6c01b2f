"""What there is to see, as documents and as sentences: shared by the command line and the web page, drawn by each."""
