"""A plan as a PDF file of one or two pages, drawn with vectors and set in installed fonts."""
