"""Notices a caption that got stuck: models that write freely now and then repeat a phrase to the end. Pure."""

import re

# Twice is style ("very, very"); at these counts nothing else was ever meant.
WORD_TIMES = 4
PHRASE_TIMES = 3
LONGEST_PHRASE = 24
SENTENCE_TIMES = 3
SENTENCE_WORDS = 4
LIST_ENTRIES = 8


def is_repetitive(text: str) -> bool:
    """Whether a word or phrase stands there several times in a row, a sentence returns, or a list says half twice."""
    words = re.findall(r"\w+", text.lower())
    return _in_a_row(words) or _sentences_return(text) or _list_repeats(text)


def _in_a_row(words: list[str]) -> bool:
    for length in range(1, min(LONGEST_PHRASE, len(words) // PHRASE_TIMES) + 1):
        times = WORD_TIMES if length == 1 else PHRASE_TIMES
        same = 0
        for place in range(length, len(words)):
            # So many words in a row equal the one a phrase before: the phrase stands there again.
            same = same + 1 if words[place] == words[place - length] else 0
            if same >= length * (times - 1):
                return True
    return False


def _sentences_return(text: str) -> bool:
    sentences = [" ".join(re.findall(r"\w+", part.lower())) for part in re.split(r"[.!?\n]+", text)]
    sentences = [sentence for sentence in sentences if len(sentence.split()) >= SENTENCE_WORDS]
    return any(sentences.count(sentence) >= SENTENCE_TIMES for sentence in set(sentences))


def _list_repeats(text: str) -> bool:
    entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
    return len(entries) >= LIST_ENTRIES and len(set(entries)) <= len(entries) / 2
