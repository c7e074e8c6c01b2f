"""What one side asks of the other, as protocols and the values that come back."""
