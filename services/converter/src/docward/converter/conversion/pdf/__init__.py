"""PDF documents become Markdown: PDFium gives the text and where it stands, the layout is ours."""
