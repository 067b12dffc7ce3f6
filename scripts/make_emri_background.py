"""Pack the searches of noise of a campaign as the background of the default search.

    python scripts/make_emri_background.py build/emri/campaign/campaign.h5

A search compares its settings with those in the file before it believes the law.
"""

import argparse
from pathlib import Path

from swansong.core.config import as_dict
from swansong.core.errors import InputError
from swansong.core.files import read_product, write_product
from swansong.emri.problem import Problem
from swansong.emri.search.background import ENOUGH, MeasuredBackground
from swansong.emri.search.settings import CAMPAIGN_KIND

OUTPUT = Path(__file__).parents[1] / "src/swansong/emri/search/data/background.h5"


def main() -> None:
    """Read, check and pack."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    given = parser.parse_args()
    measured = MeasuredBackground.read(given.campaign)
    other = measured.differences(as_dict(Problem()), years=1.0)
    if other or measured.law.searches < ENOUGH:
        raise InputError(
            f"`{given.campaign}` holds {measured.law.searches} searches of noise and differs from the default search "
            f"in: {', '.join(other) or 'nothing'}; give {ENOUGH} or more of the default search"
        )
    product = read_product(given.campaign, kind=CAMPAIGN_KIND)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_product(
        given.out,
        kind=CAMPAIGN_KIND,
        arrays={"noise_statistic": product.arrays["noise_statistic"]},
        metadata={"law": {"location": measured.law.location, "scale": measured.law.scale}},
        provenance=product.provenance,
        force=True,
    )
    print(f"{given.out}: {measured.law.searches} searches, thresholds {measured.law.thresholds()}")


if __name__ == "__main__":
    main()
