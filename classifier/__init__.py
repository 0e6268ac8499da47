"""Models that know a text and a label.

Pictures are in ``classifier.plot``, which imports matplotlib; tables of a text's tokens in ``classifier.token_table``.
"""
