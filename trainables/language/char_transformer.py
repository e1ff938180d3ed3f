"""A character-level transformer on a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowadam.errors import InputError
from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.language import documentation, texts
from trainables.language.model_folder import LIMITS, ModelConfig, Sizes
from trainables.options import MOST_BATCH, require_fraction, require_whole

if TYPE_CHECKING:
    from trainables.language.language_problem import LanguageProblem
    from trainables.setup import Setup


@dataclass(frozen=True, kw_only=True)
class CharTransformer(BenchmarkTask):
    """Log loss per character "nll", in nats, of a causal transformer; "bits" beside it.

    The text is the documentation of torch's functions, or a file of the user's. Training,
    validation and test are contiguous parts of 90, 5 and 5 %, see ``language.texts.cut``.

    Args:
        context: characters that the network sees at once.
        width, heads, layers: of the network, see ``language.model_folder.Sizes``.
        batch: windows of `context` characters in a step.
        dropout: share in [0, 1) that is dropped of what each layer adds.
        characters: how many characters of the text are used, from the first; 0 means all.
        val_windows, test_windows: windows of `context` characters that are scored at most, all of
            the part where it has fewer, else a choice that `data_seed` fixes. Validation is read
            at 40 marks of a run: of a text of 100 MB it would cost hundreds of runs.
        content: hash of the user's text, "" for torch's documentation.
        text: the user's text; it travels with the task, so that workers need no file.

    Raises:
        InputError: an option is out of its range, `width` is no multiple of `heads`, or the network
            is too large, see ``Sizes.require_room``.
    """

    name: str = "char_transformer"
    summary: str = "character-level transformer of 2 layers on torch's documentation, or your text"
    budget: int = 2000
    context: int = 64
    width: int = 64
    heads: int = 4
    layers: int = 2
    batch: int = 16
    dropout: float = 0.0
    characters: int = 0
    val_windows: int = 512
    test_windows: int = 8192
    content: str = ""
    text: str = field(default="", repr=False, compare=False)

    metric = "nll"
    deterministic = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("characters", self.characters, 0)
        for option, high in LIMITS.items():
            require_whole(option, getattr(self, option), 1, high)
        require_whole("batch", self.batch, 1, MOST_BATCH)
        for option in ("val_windows", "test_windows"):
            require_whole(option, getattr(self, option), 1)
        if self.width % self.heads:
            raise InputError(
                f"`width` must be a multiple of `heads`, got {self.width} and {self.heads}."
            )
        require_fraction("dropout", self.dropout)
        self._sizes(1).require_room(self.batch)

    def data(self) -> texts.TextParts:
        parts = texts.cut(self._whole(), self.name, self.data_seed)
        if len(parts.train) <= self.context:
            raise InputError(
                f"`context` must be below the training part's {len(parts.train):,} characters, "
                f"got {self.context}."
            )
        return parts

    def content_hash(self) -> str:
        """Hash of the text that is used."""
        return texts.hash_text(self._whole())

    def tiny(self) -> CharTransformer:
        return replace(self, context=6, width=4, heads=2, layers=1, batch=2, characters=2000)

    def problem(self, setup: Setup) -> LanguageProblem:
        from trainables.language.language_problem import LanguageProblem
        from trainables.language.transformer import Transformer
        from trainables.modules import stacked_module

        sizes = self.config().sizes
        module, params = stacked_module(lambda: Transformer(sizes), self.name, setup)
        return LanguageProblem(
            module,
            params,
            self.data(),
            context=self.context,
            batch=self.batch,
            scored=self.scored(),
            dropout=self.dropout,
            name=self.name,
            setup=setup,
        )

    def config(self) -> ModelConfig:
        """Return the alphabet and the sizes of the network."""
        data = self.data()
        sizes = self._sizes(data.symbols)
        sizes.require_room(self.batch)
        return ModelConfig(data.alphabet, sizes)

    def scored(self) -> dict[Split, texts.Places]:
        """Return where the windows begin that are scored, by split."""
        most = self.val_windows, self.test_windows
        return texts.scored_windows(self.data(), self.context, most, self.name, self.data_seed)

    def _sizes(self, symbols: int) -> Sizes:
        return Sizes(symbols, self.context, self.width, self.heads, self.layers)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the log loss of uniform, unigram and bigram frequencies."""
        data, starts = self.data(), self.scored()[split]
        places = texts.predicted(len(data.part(split)), self.context, starts)
        return texts.frequency_baselines(data, split, places)

    def _whole(self) -> str:
        text = self.text if self.content else documentation.torch_documentation()
        return text[: self.characters or None]


def char_transformer(
    *,
    path: str | Path | None = None,
    context: int = 64,
    width: int = 64,
    heads: int = 4,
    layers: int = 2,
    dropout: float = 0.0,
    data_seed: int = 0,
) -> CharTransformer:
    """Return the task; see ``CharTransformer`` for the options.

    Args:
        path: a text in UTF-8 of at least 1,000 characters instead of torch's documentation.

    Raises:
        InputError: an option is out of its range, or the text cannot be used.
    """
    text = "" if path is None else documentation.read_text(Path(str(path)).expanduser())
    return CharTransformer(
        context=context,
        width=width,
        heads=heads,
        layers=layers,
        dropout=dropout,
        data_seed=data_seed,
        content=texts.hash_text(text) if text else "",
        text=text,
    )
