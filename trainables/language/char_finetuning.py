"""Tuning of a trained character transformer on another text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flowadam.errors import InputError, require_known
from flowadam.space import digest
from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.language import documentation, texts
from trainables.language.char_transformer import CharTransformer
from trainables.language.model_folder import ModelConfig, hash_folder, read_config
from trainables.options import MOST_BATCH, MOST_RANK, require_fraction, require_whole

if TYPE_CHECKING:
    from trainables.language.language_problem import LanguageProblem
    from trainables.language.pretraining import Model
    from trainables.setup import Setup

Method = Literal["full", "low_rank"]


@dataclass(frozen=True, kw_only=True)
class CharFinetuning(BenchmarkTask):
    """Log loss per character "nll", in nats, of a tuned transformer; "bits" beside it.

    The model is the ``char_transformer``, trained once on torch's documentation (half a minute on
    one core, then kept, see ``language.pretraining``), or one in a folder of the user's, see
    ``language.model_folder``. It is tuned on the documentation of Ray Tune, or on a file of the
    user's; parts as in ``language.texts.cut``, codes those of the model.

    With "low_rank" a small change of the attention and network matrices is trained and the seed
    draws its start; see ``language.tuning_problem``. With "full" all weights are trained from
    the same start, and the seed fixes the batches alone.

    Args:
        method: "full" or "low_rank".
        rank: of the change; "full" has none and ignores it.
        batch: windows in a step, each as long as the model's context.
        dropout: share in [0, 1) that is dropped of what each layer adds.
        model: folder of a saved model, "" for our own; known by its content, wherever it lies.
        steps: of the training before the tuning.
        source: the task of that training.
        characters: how many characters of the text are used, from the first; 0 means all.
        val_windows, test_windows: see ``CharTransformer``.
        content: hash of the user's text, "" for Ray Tune's documentation.
        text: the user's text; it travels with the task.

    Raises:
        InputError: an option is out of its range.
    """

    name: str = "char_finetuning"
    summary: str = "low-rank or full tuning of a trained character transformer on another text"
    budget: int = 500
    method: Method = "low_rank"
    rank: int = 4
    batch: int = 16
    dropout: float = 0.0
    model: str = field(default="", compare=False)
    steps: int = 1500
    source: CharTransformer = field(default=CharTransformer(), repr=False, compare=False)
    characters: int = 0
    val_windows: int = 512
    test_windows: int = 8192
    content: str = ""
    text: str = field(default="", repr=False, compare=False)

    metric = "nll"
    deterministic = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_known("method", self.method, ("full", "low_rank"))
        require_whole("rank", self.rank, 1, MOST_RANK)
        require_whole("batch", self.batch, 1, MOST_BATCH)
        for option, low in (("steps", 0), ("characters", 0), ("val_windows", 1)):
            require_whole(option, getattr(self, option), low)
        require_whole("test_windows", self.test_windows, 1)
        require_fraction("dropout", self.dropout)

    def config(self) -> ModelConfig:
        """Return the alphabet and the sizes of the model, without training it."""
        config = read_config(Path(self.model)) if self.model else self.source.config()
        config.sizes.require_room(self.batch)
        return config

    def scored(self) -> dict[Split, texts.Places]:
        """Return where the windows begin that are scored, by split."""
        most, context = (self.val_windows, self.test_windows), self.config().sizes.context
        return texts.scored_windows(self.data(), context, most, self.name, self.data_seed)

    def data(self) -> texts.TextParts:
        config = self.config()
        parts = texts.cut(self._whole(), self.name, self.data_seed, config.alphabet)
        if len(parts.train) <= config.sizes.context:
            raise InputError(
                f"The training part must be longer than the model's context of "
                f"{config.sizes.context}, got {len(parts.train)} characters."
            )
        return parts

    def content_hash(self) -> str:
        """Hash of the text, and of the model's files or of what fixes its training.

        Trained weights may differ in their last bits between processors.
        """
        before = [hash_folder(Path(self.model))] if self.model else [self.source.fingerprint()]
        return digest([texts.hash_text(self._whole()), *before])

    def tiny(self) -> CharFinetuning:
        return replace(self, source=self.source.tiny(), steps=3, rank=2, batch=2, characters=2000)

    def trained(self) -> Model:
        """Return the model before the tuning, trained or read."""
        from trainables.language import pretraining

        if self.model:
            return pretraining.load(Path(self.model))
        return pretraining.pretrained(self.source, self.steps)

    def problem(self, setup: Setup) -> LanguageProblem:
        from trainables.language.language_problem import LanguageProblem
        from trainables.language.pretraining import skeleton
        from trainables.language.tuning_problem import LowRankProblem, repeated_weights

        model, data = self.trained(), self.data()
        options: dict[str, Any] = {"batch": self.batch, "dropout": self.dropout, "name": self.name}
        options |= {"context": model.config.sizes.context, "scored": self.scored()}
        options |= {"setup": setup}
        if self.method == "low_rank":
            return LowRankProblem(model, self.rank, data, **options)
        start = repeated_weights(model, setup)
        return LanguageProblem(skeleton(model.config), start, data, **options)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the log loss of the text's own frequencies and of the model before the tuning."""
        untuned = self.make([0], test_unlocked=split == "test").evaluate(split)["nll"]
        data, starts = self.data(), self.scored()[split]
        context = self.config().sizes.context
        places = texts.predicted(len(data.part(split)), context, starts)
        return {
            **texts.frequency_baselines(data, split, places),
            "untuned model": float(untuned[0]),
        }

    def _whole(self) -> str:
        text = self.text if self.content else documentation.tune_documentation()
        return text[: self.characters or None]


def char_finetuning(
    *,
    method: Method = "low_rank",
    rank: int = 4,
    path: str | Path | None = None,
    model: str | Path | None = None,
    dropout: float = 0.0,
    data_seed: int = 0,
) -> CharFinetuning:
    """Return the task; see ``CharFinetuning`` for the options.

    Args:
        path: a text in UTF-8 of at least 1,000 characters instead of Ray Tune's documentation.
        model: a folder with a saved model instead of our own.

    Raises:
        InputError: an option is out of its range, or text or model cannot be used; a model is
            read once now, so that no run begins with one that is damaged.
    """
    text = "" if path is None else documentation.read_text(Path(str(path)).expanduser())
    folder = "" if model is None else str(Path(str(model)).expanduser().absolute())
    task = CharFinetuning(
        method=method,
        rank=rank,
        dropout=dropout,
        data_seed=data_seed,
        model=folder,
        content=texts.hash_text(text) if text else "",
        text=text,
    )
    if folder:
        task.config()
        task.trained()
    return task
