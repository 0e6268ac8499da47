"""What is not deep learning: fonts, the terminal, files written whole, pictures. Imports none of our packages."""
