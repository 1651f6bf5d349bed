"""What may be refused or completed after a request is authorised."""
