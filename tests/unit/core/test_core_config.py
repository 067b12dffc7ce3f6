from pathlib import Path
from typing import Literal

import pydantic
import pytest

from swansong.core.config import Config, as_dict, load, read_toml, template
from swansong.core.errors import ConfigError, FileError, InputError


class Layer(Config):
    """One layer of a network."""

    width: int = 64
    """Neurons."""


class Prior(Config):
    """Where the remnants are drawn from."""

    mass_min: float = pydantic.Field(default=20.0, gt=0, description="Smallest detector-frame mass [solar masses].")
    mass_max: float = 150.0
    """Largest detector-frame mass [solar masses]."""

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> "Prior":
        if self.mass_min >= self.mass_max:
            msg = f"mass_min = {self.mass_min} must lie below mass_max = {self.mass_max}; swap them"
            raise ValueError(msg)
        return self


class Run(Config):
    """A run."""

    name: str = 'a "quoted" näme\\'
    """Name of the run."""
    kind: Literal["flow", "cvae"] = "flow"
    """Kind of network."""
    detectors: tuple[str, ...] = ("H1", "L1")
    """Detectors."""
    strain: Path | None = None
    """Strain file."""
    steps: int = 1000
    """Training steps."""
    rate: float = 1e-05
    """Learning rate."""
    floor: float = float("-inf")
    """Floor of the loss."""
    fast: bool = False
    """Skip the checks."""
    layers: list[Layer] = pydantic.Field(default_factory=lambda: [Layer(), Layer(width=32)])
    """Layers."""
    snr: float | list[float] = 12.0
    """SNR of the injections."""
    prior: Prior = Prior()
    extra: Layer | None = None
    """An extra layer."""


class Strict(Config):
    """A configuration that must be given something."""

    snr: float
    """SNR of the injections."""
    prior: Prior


def write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_defaults_file_and_overrides_apply_in_that_order(tmp_path):
    path = write(tmp_path, "steps = 5\nrate = 1\n[prior]\nmass_max = 90.0\n")
    config = load(Run, path, overrides=["steps=7", "prior.mass_min = 30", "kind=cvae", "detectors=['V1']"])
    assert (config.steps, config.rate, config.kind) == (7, 1.0, "cvae")
    assert (config.prior.mass_min, config.prior.mass_max) == (30.0, 90.0)
    assert config.detectors == ("V1",)
    assert load(Run) == Run()


def test_last_override_wins_and_an_inline_table_sets_a_section():
    config = load(Run, overrides=["steps=1", "steps=2", "extra={width=3}", "layers=[{width=9}]", "strain=data/x.h5"])
    assert config.steps == 2
    assert config.extra == Layer(width=3)
    assert config.layers == [Layer(width=9)]
    assert config.strain == Path("data/x.h5")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[prior]\nmas_max = 3.0", "Unknown key `prior.mas_max` in {path}; did you mean `prior.mass_max`?"),
        ("mass_max = 3.0", "Unknown key `mass_max` in {path}; did you mean `prior.mass_max`?"),
        (
            "[prior]\nzzz = 1",
            "Unknown key `prior.zzz` in {path}; the keys of section `prior` are mass_min, mass_max",
        ),
        ("[[layers]]\nwidht = 1", "Unknown key `layers[0].widht` in {path}; did you mean `layers.width`?"),
        ("steps = 1.5", "`steps` in {path} must be a whole number, got 1.5; it is: training steps"),
        ("steps = '7'", "`steps` in {path} must be a whole number, got '7'; it is: training steps"),
        ("steps = true", "`steps` in {path} must be a whole number, got True; it is: training steps"),
        ("fast = 1", "`fast` in {path} must be true or false, got 1; it is: skip the checks"),
        ("kind = 'flwo'", "`kind` in {path} must be 'flow' or 'cvae', got 'flwo'; it is: kind of network"),
        ("snr = 'loud'", "`snr` in {path} must be a number, got 'loud'; it is: SNR of the injections"),
        ("prior = 3", "`prior` in {path} must be a section, got 3"),
        ("[[layers]]\nwidth = 'a'", "`layers[0].width` in {path} must be a whole number, got 'a'; it is: neurons"),
        ("[extra]\nwidth = 'a'", "`extra.width` in {path} must be a whole number, got 'a'; it is: neurons"),
        (
            "[prior]\nmass_min = -3.0",
            "`prior.mass_min` in {path} must be greater than 0, got -3.0; "
            "it is: smallest detector-frame mass [solar masses]",
        ),
        (
            "[prior]\nmass_min = 200.0",
            "Section `prior` in {path} is not valid: mass_min = 200.0 must lie below mass_max = 150.0; swap them",
        ),
    ],
)
def test_every_mistake_is_one_sentence_that_names_the_place(tmp_path, text, expected):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(Run, path)
    assert str(caught.value) == expected.format(path=path)


def test_a_misspelt_key_is_named_before_the_key_that_it_leaves_missing(tmp_path):
    path = write(tmp_path, "sn = 3.0\n[prior]\n")
    with pytest.raises(ConfigError, match="did you mean `snr`"):
        load(Strict, path)
    with pytest.raises(ConfigError) as caught:
        load(Strict, write(tmp_path, "[prior]\n"))
    assert str(caught.value) == f"The key `snr` is missing from {path}; it is: SNR of the injections"


@pytest.mark.parametrize(
    "override, expected",
    [
        ("prior.mas_max=3", "Unknown key `prior.mas_max` in `--set prior.mas_max=3`; did you mean `prior.mass_max`?"),
        ("steps=1x", "The value of `--set steps=1x` is not valid TOML; give a number"),
        ("steps", "`--set steps` has no key or no value; write it as `--set section.key=value`"),
        ("prior..mass_max=3", "has no key or no value"),
        ("steps=1\nrate=2", "sets more than one key"),
        ("steps=many", "`steps` in `--set steps=many` must be a whole number, got 'many'"),
        ("prior={mass_min='a'}", "`prior.mass_min` in `--set prior={mass_min='a'}` must be a number, got 'a'"),
    ],
)
def test_a_wrong_override_is_quoted(override, expected):
    with pytest.raises(ConfigError) as caught:
        load(Run, overrides=[override])
    assert expected in str(caught.value)
    assert str(caught.value).count("\n") <= override.count("\n")


def test_an_override_below_a_value_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs `steps` to be a section"):
        load(Run, write(tmp_path, "steps = 3"), overrides=["steps.more=1"])


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        load(Run, tmp_path / "none.toml")
    with pytest.raises(FileError, match="cannot be read"):
        read_toml(tmp_path)
    with pytest.raises(ConfigError, match=r"not valid TOML .*line 1"):
        read_toml(write(tmp_path, "a = ?\n"))
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_toml(tmp_path / "run.toml")


def test_template_describes_every_key_and_reads_back(tmp_path):
    text = template(Run, title="Settings of a run\nEdit as you like")
    assert text.startswith("# Settings of a run\n# Edit as you like\n\n# Name of the run.\n")
    assert '# Kind of network. One of "flow", "cvae".\nkind = "flow"' in text
    assert "# Strain file. Optional, not set.\n# strain =" in text
    assert "\n[prior]\n# Smallest detector-frame mass [solar masses].\nmass_min = 20.0" in text
    assert load(Run, write(tmp_path, text)) == Run()


def test_template_of_a_configuration_records_its_values(tmp_path):
    config = load(Run, overrides=["extra={width=3}", "strain=x.h5", "snr=[1.0, 2.0]", "prior.mass_max=99"])
    assert load(Run, write(tmp_path, template(config))) == config


def test_template_marks_what_must_be_given():
    text = template(Strict)
    assert "# SNR of the injections. Required.\n# snr =" in text
    assert "[prior]" in text


def test_as_dict_is_json_and_complete():
    values = as_dict(load(Run, overrides=["strain=a/b.h5"]))
    assert values["strain"] == "a/b.h5"
    assert values["prior"] == {"mass_min": 20.0, "mass_max": 150.0}
    assert values["detectors"] == ["H1", "L1"]


def test_configurations_are_frozen_and_strict_in_python_too():
    with pytest.raises(pydantic.ValidationError):
        Run().steps = 3
    with pytest.raises(pydantic.ValidationError):
        Run(stepz=3)
    assert issubclass(ConfigError, InputError)
