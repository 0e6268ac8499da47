"""Turn the weights of another framework into an ordinary run, which all the other scripts can open."""

import re
from argparse import Namespace
from typing import Any, NamedTuple

import numpy as np

from classifier import save_model as save_classifier
from common.layer import named_params
from dataset.batches import PaddedTexts
from dataset.files import shorten
from dataset.sequence import START
from dataset.tokenizers import Tokenizer, fitting, tokenizer_from_json
from dataset.vocabulary_file import FORMS, Listed, listed, read_vocabulary, words_of
from dataset.words import SPECIAL, WordVocabulary
from experiment.command_line import cores
from experiment.corpus import Corpus, corpus_of
from experiment.date_model import FACTS as DATE_FACTS
from experiment.date_model import MOST_CHARACTERS, DateModel
from experiment.date_parts import DateParts
from experiment.date_training import FILES as DATE_FILES
from experiment.import_options import DROPPED, TEXTS, of_model
from experiment.run_folder import expect_facts, prepare, set_aside, write_config
from experiment.text_model import FACTS as TEXT_FACTS
from experiment.text_model import TextModel, expect_width
from experiment.text_training import FILES as TEXT_FILES
from experiment.text_training import make_tokenizer
from interchange import Arrays, Imported, to_model
from interchange.description import description, ids_of
from interchange.vocabulary import exchange
from seq2seq import save_model as save_seq2seq

# A token that is none of a text, and what stands for it where texts are characters: ①, ② ...
NAMED = re.compile(r"[<\[].+[>\]]|_*(PAD|SOS|BOS|EOS|UNK|OOV)_*")
SPARE = range(0x2460, 0x2500)


class Run(NamedTuple):
    """What becomes a run. facts: what TextModel or DateModel needs besides the model."""

    model: Any
    facts: dict[str, Any]
    notes: list[str]


def import_run(args: Namespace, arrays: Arrays) -> Run:
    """Make the model and the facts of a run; nothing is written.

    args: of ``experiment.import_options``. Raises ValueError for what does not fit, or cannot be the same here.
    """
    ours = description(arrays).get("facts", {})
    return (_texts if args.model in TEXTS else _dates)(args, arrays, ours)


def write_run(args: Namespace, run: Run) -> None:
    """Write the run's folder, and move an earlier run there out of the way."""
    of_texts = args.model in TEXTS
    files = TEXT_FILES if of_texts else DATE_FILES
    prepare(args.out, files.others)
    path = args.out / (files.models[0] if of_texts else f"{args.model}.npz")
    fresh = path.with_suffix(".new")  # what cannot be written moves no earlier run
    (save_classifier if of_texts else save_seq2seq)(fresh, run.model, **run.facts)
    set_aside(args.out, files.models, files.left, quiet=args.quiet)
    fresh.replace(path)
    write_config(args.out, args, run.facts["data"], notes=run.notes)


def about(run: Run) -> str:
    """Describe the model in a line."""
    sizes = ", ".join(f"{name} {value}" for name, value in run.model.arguments.items() if value is not None)
    params = named_params(run.model).values()
    count = sum(param.size for param in params)
    return f"{type(run.model).__name__}, {count:,} weights in {next(iter(params)).dtype}: {sizes}"


def tested(args: Namespace) -> str | None:
    """Test the run that was written; return a line with its accuracy, or None if it has no test part."""
    try:
        return (_test_texts if args.model in TEXTS else _test_dates)(args)
    except (OSError, ValueError) as error:
        if args.data is not None:
            raise
        return f"not tested on the data of its training: {error}"


def _test_texts(args: Namespace) -> str | None:
    run = TextModel(args.out)
    if not run.facts["data"]:
        return None
    test = run.test_texts()
    texts = [run.tokenizer(text) for text in test.texts]
    p = run.model.probabilities(run.padded([run.read(tokens) for tokens in texts]), workers=cores())
    right = [run.classes[k] == test.classes[label] for k, label in zip(p.argmax(axis=1), test.labels, strict=True)]
    known = [token in run.vocabulary for tokens in texts for token in tokens] or [False]
    return f"test accuracy {_share(right)}, {len(right):,} texts, of whose tokens {_share(known)} are known"


def _test_dates(args: Namespace) -> str | None:
    run = DateModel(args.out, args.model)
    if not run.data:
        return None
    questions, answers = zip(*run.test_questions(), strict=True)
    xs = np.stack([run.encode(question, of_test=True) for question in questions])
    ids = run.model.decode(xs, run.start_id, run.T_dec, workers=cores()).ids
    right = [run.vocabulary.decode(own) == answer for own, answer in zip(ids, answers, strict=True)]
    return f"test accuracy {_share(right)}, {len(right):,} questions"


def _share(which: list[bool]) -> str:
    return f"{100 * np.mean(which):.2f}%"


def _texts(args: Namespace, arrays: Arrays, ours: dict[str, Any]) -> Run:
    if ours:
        ours = {"keeps_end": False, "width": 1, "drops_unknown": False} | ours
        expect_facts(args.file, "export_model.py", ours, TEXT_FACTS)
    vocabulary = _listed(args, ours)
    if ours and (args.padding_id, args.unknown_id) != (None, None):
        raise ValueError(f"--padding-id, --unknown-id: {args.file} says them itself; leave the options out")
    padding_id, unknown_id = ids_of(ours) if ours else _ids(args, vocabulary)
    model, notes = _made(args, arrays, padding_id=padding_id, unknown_id=unknown_id)
    if ours:
        words = [*ours["vocabulary"]]  # in our order
    else:
        words, of_words = words_of(vocabulary, len(model.embed.W) - (unknown_id is None), padding_id, unknown_id)
        exchange(words, padding_id, len(words) - 1 if unknown_id is None else unknown_id)
        notes += of_words
    if args.pad_to is not None and model.mask:
        raise ValueError(f"--pad-to {args.pad_to}: a model with a mask finds the same however far a text is padded")
    if len(words) != len(model.embed.W):
        raise ValueError(f"{args.file}: expected {len(model.embed.W)} words, one per row, got {len(words)}")
    if unknown_id is None:
        notes.append(
            f"{vocabulary.path}: no id for unknown words, which are left out of a text, as Keras's Tokenizer does"
        )
    if not (model.mask or args.pad_to or ours):
        how = "what the model finds depends on how far a text is padded, see --pad-to"
        notes.append(f"padding is read as if it were words: {how}")
    corpus = None if args.data is None else corpus_of(args, 0.5)  # a part for validation there must be
    facts = {
        "vocabulary": WordVocabulary(words).words,
        "tokenizer": _tokenizer(args, vocabulary, words, ours, notes).to_json(),
        "classes": _classes(args, model.classes, corpus, ours),
        "padding": args.padding or ours.get("padding", "after"),
        "max_len": args.max_len or ours.get("max_len"),
        "keeps_end": args.keep_end or ours.get("keeps_end", False),
        "data": ours.get("data", {}) if corpus is None else corpus.origin,
        "width": args.pad_to or ours.get("width", 1),
        "drops_unknown": unknown_id is None or ours.get("drops_unknown", False),
    }
    expect_width(args.file, facts["width"])
    PaddedTexts([[1]], padding=facts["padding"], max_len=facts["max_len"])  # raises ValueError
    imported = {"file": args.file.name, "notes": notes, "ids": [padding_id, unknown_id]}
    return Run(model, facts | {"imported": imported}, notes)


def _listed(args: Namespace, ours: dict[str, Any]) -> Listed:
    """Return the vocabulary: of its file, else of the file of weights."""
    if args.vocabulary is not None:
        return read_vocabulary(args.vocabulary)
    if not ours:
        raise ValueError(f"--vocabulary: expected the words of {args.file} and their ids, a file of {FORMS}")
    return listed(str(args.file), [*ours["vocabulary"]])


def _made(args: Namespace, arrays: Arrays, **options: Any) -> Imported:
    return to_model(arrays, args.model, **of_model(args), **options)


def _ids(args: Namespace, vocabulary: Listed) -> tuple[int, int | None]:
    """Return the ids of padding and of unknown words; None if those are left out."""
    padding = vocabulary.padding if args.padding_id is None else args.padding_id
    if padding is None:
        raise ValueError(f"{vocabulary.path}: expected a word for padding, such as <pad>; --padding-id names its id")
    unknown = vocabulary.unknown if args.unknown_id is None else args.unknown_id
    for what, given, found in (("padding", padding, vocabulary.padding), ("unknown", unknown, vocabulary.unknown)):
        token = next((token for token, i in vocabulary.ids.items() if i == found), None)
        if token is not None and given != found:
            raise ValueError(f"--{what}-id {given}: {vocabulary.path} has {shorten(token)} with the id {found}")
    if unknown is None and not vocabulary.dropped:
        how = f"--unknown-id names its id, or says {DROPPED}, if unknown words are left out of a text"
        raise ValueError(f"{vocabulary.path}: expected a word for unknown ones, such as <unk>; {how}")
    if unknown == padding:
        raise ValueError(
            f"{vocabulary.path}: expected two different ids, got {padding} for both padding and unknown words"
        )
    return padding, None if unknown == DROPPED else unknown


def _tokenizer(
    args: Namespace, vocabulary: Listed, words: list[str], ours: dict[str, Any], notes: list[str]
) -> Tokenizer:
    """Return the tokenizer of the options, else of the files, else one that fits the words; check that it does."""
    if vocabulary.tokenizer is not None and args.tokenizer in (None, "keras"):
        return vocabulary.tokenizer
    if args.tokenizer is None and ours:
        return tokenizer_from_json(ours["tokenizer"])
    words = [word for word in words if word not in SPECIAL and not word.startswith("<row ")]
    if args.tokenizer is None:
        args.tokenizer = fitting(words)
        if args.tokenizer == "characters" and 10 * sum(len(word) > 1 for word in words) > len(words):
            args.tokenizer = "spaces"  # Japanese in words, which only a program with a dictionary finds
        notes.append(f"--tokenizer: not given, taken as {args.tokenizer} by the letters of the words")
    tokenizer = make_tokenizer(args, [])
    if args.tokenizer != "sentencepiece":
        never = [word for word in words if tokenizer(word) != [word]]
        if never:
            such = ", ".join(map(shorten, never[:3]))
            notes.append(
                f"--tokenizer {args.tokenizer}: never gives {len(never):,} of {len(words):,} words, such as {such}"
            )
    return tokenizer


def _classes(args: Namespace, count: int, corpus: Corpus | None, ours: dict[str, Any]) -> list[str]:
    """Return the names of the classes, in the order of their ids."""
    if ours and args.classes is not None and args.classes != ours["classes"]:
        if sorted(args.classes) == sorted(ours["classes"]):
            raise ValueError(f"--classes: {args.file} has them as {','.join(ours['classes'])}; leave the option out")
    names = args.classes or ours.get("classes") or [str(k) for k in range(count)]
    if len(names) != count or not all(isinstance(name, str) for name in names):
        raise ValueError(f"--classes {','.join(map(str, names))}: expected {count} names, got {len(names)}")
    for name in () if corpus is None else corpus.test.classes:
        if name not in names:
            how = "--classes names those of the model in the order of their ids"
            raise ValueError(f"--data {args.data}: expected the classes {','.join(names)}, got {name!r}; {how}")
    return names


def _dates(args: Namespace, arrays: Arrays, ours: dict[str, Any]) -> Run:
    if ours:
        expect_facts(args.file, "export_model.py", ours, DATE_FACTS)
    vocabulary = _listed(args, ours)
    characters, start, notes = _characters(args, vocabulary, ours)
    reverse = ours.get("reverse") if args.reverse is None else args.reverse
    if reverse != ours.get("reverse", reverse):
        raise ValueError(f"--{'' if reverse else 'no-'}reverse: {args.file} says the opposite; leave the option out")
    if reverse is None:
        raise ValueError("--reverse or --no-reverse: expected one; the weights do not tell how questions are read")
    masked = {}
    if args.mask_padding:
        if " " not in characters:
            raise ValueError(f"{vocabulary.path}: expected a space, which is the padding that --mask-padding means")
        masked = {"mask_padding": characters.index(" ")}
    model, of_model = _made(args, arrays, **masked)
    if len(characters) != model.arguments["vocab_size"]:
        rows = f"one for each of the {model.arguments['vocab_size']} rows of the embedding"
        raise ValueError(f"{vocabulary.path}: expected characters, {rows}, got {len(characters)}")
    data = _pairs(args, characters, reverse, ours)
    T_enc = args.question_length or ours.get("T_enc") or data.get("T_enc")
    T_dec = args.answer_length or ours.get("T_dec") or data.get("T_dec")
    if T_enc is None or T_dec is None:
        lengths = "--question-length and --answer-length: expected, as no --data tells how long they are"
        raise ValueError(f"{lengths}, and generated dates have other characters than {vocabulary.path}")
    if data.get("T_enc", T_enc) > T_enc or data.get("T_dec", T_dec) != T_dec:
        expected = f"expected those of the data, {data['T_enc']} or more and {data['T_dec']}"
        raise ValueError(f"--question-length, --answer-length: {expected}, got {T_enc} and {T_dec}")
    if not 0 < min(T_enc, T_dec) <= max(T_enc, T_dec) <= MOST_CHARACTERS:
        raise ValueError(f"{args.file}: expected lengths of 1 to {MOST_CHARACTERS:,} characters, got {T_enc}, {T_dec}")
    facts = {
        "vocabulary": characters,
        "question_characters": ours.get("question_characters"),
        "start": start,
        "T_enc": T_enc,
        "T_dec": T_dec,
        "reverse": reverse,
        "dates": data.get("dates", False),
        "data": data.get("data", {}),
    }
    notes += of_model
    return Run(model, facts | {"imported": {"file": args.file.name, "notes": notes}}, notes)


def _characters(args: Namespace, vocabulary: Listed, ours: dict[str, Any]) -> tuple[str, str, list[str]]:
    """Return the characters in the order of their ids, the one that the decoder reads first, and notes.

    Padding becomes a space, and tokens such as ``<eos>`` become characters that are not in the vocabulary.
    """
    path, ids = vocabulary.path, vocabulary.ids
    start = args.start or ours.get("start", START)
    if start not in ids:
        how = "--start names what the decoder reads first"
        raise ValueError(f"{path}: expected {shorten(start)} among the characters; {how}")
    tokens = sorted(ids, key=ids.__getitem__)
    if [*map(ids.get, tokens)] != [*range(len(tokens))]:
        raise ValueError(f"{path}: expected the ids 0 to {len(tokens) - 1}, one for each character")
    written = {start: start if len(start) == 1 else START}
    padding_id = vocabulary.padding if args.padding_id is None else args.padding_id
    if padding_id is not None:
        if padding_id >= len(tokens):
            raise ValueError(f"--padding-id: expected one of 0 to {len(tokens) - 1} in {path}, got {padding_id}")
        padding = tokens[padding_id]
        if padding == start or (padding != " " and " " in ids):
            other = "the start" if padding == start else "a space"
            why = "questions are padded with spaces here, so padding becomes one"
            raise ValueError(f"{path}: expected {shorten(padding)} for padding, or {other}, got both: {why}")
        written[padding] = " "
    spare = (chr(code) for code in SPARE if chr(code) not in ids)
    for token in tokens:
        if token not in written and NAMED.fullmatch(token):
            written[token] = next(spare, token)
    characters = [written.get(token, token) for token in tokens]
    for token in characters:
        if len(token) != 1 or characters.count(token) > 1:
            why = "questions and answers are texts here, padded with spaces"
            raise ValueError(f"{path}: expected different single characters, got {shorten(token)}: {why}")
    notes = [f"{path}: {shorten(token)} is written {char!r}" for token, char in written.items() if token != char]
    return "".join(characters), written[start], notes


def _pairs(args: Namespace, characters: str, reverse: bool, ours: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of the data: of its file, else of the file of weights, else of generated dates if they fit."""
    if args.data is None and ours:
        return ours
    parts = DateParts(args.data, reverse=reverse)
    foreign = [char for char in parts.vocabulary.chars if char not in characters + START]
    if not foreign:
        return parts.facts
    if args.data is None:
        return {}
    raise ValueError(f"--data {args.data}: expected the characters of the vocabulary, got {foreign[0]!r}")
