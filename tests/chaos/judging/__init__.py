"""The judge's rooms: each looks at one thing and returns what is wrong."""
