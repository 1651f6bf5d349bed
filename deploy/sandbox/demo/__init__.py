"""`make demo`: the documents' stories, played on the embedded stack through the public edges."""
