"""Template and style of pictures as HTML."""
