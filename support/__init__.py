"""Everything that is not deep learning: fonts, terminal, files, pictures. Imports no other package of the project."""
