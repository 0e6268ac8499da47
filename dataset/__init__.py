"""Data: generated, loaded, checked, split and tokenised. Nothing here knows about models.

    dates, addition  generate the book's two kinds of data file; dates also parses written dates
    pairs            converts other files of pairs to a data file
    sequence         loads a data file of questions and answers as ids; the book's load_data and get_vocab
    blogs            generates labelled Japanese sentences
    labelled         reads texts and their classes: one reader per layout, listed in READERS
    corpus_folder    tells texts and classes in a folder from stray files
    table            reads columns of a CSV or TSV file
    tokenizers       split a text into words, characters or pieces, at spaces or as Keras does, listed in TOKENIZERS
    words            maps words to ids, and reads word vectors for them
    batches          pads texts of similar length into mini-batches
    generator, files helpers that all generators share, and that all readers share

A new reader of labelled texts is a function in ``labelled`` and an entry in its READERS. A new generated data file
is a module like ``addition`` and an entry in ``sequence.GENERATORS``.
"""
