"""Route score: how good images look, by the learned predictor that create uses."""

from studio.assets import Assets, model_hash
from studio.context import JobContext
from studio.contract.score import ScoreInput
from studio.failures import StudioFailure
from studio.media.inputs import fetcher
from studio.media.source import decode, limits_of, read_sources


def run(input: ScoreInput, context: JobContext) -> dict:
    """The output of the contract without `meta`, which the job runner adds. Raises StudioFailure, Cancelled."""
    settings = context.settings
    sources = read_sources(input.images, limits_of(context), fetcher(context))
    context.progress("loading", 1, "Loading the models")
    assets = Assets(settings, context)
    # Before the engines' libraries, whose import takes seconds: a missing file is told at once.
    card, tower, _ = _scorer_files(assets)
    from studio.engines import loaded
    from studio.engines.score import score_image

    scorer = loaded.scorer(assets, settings.device)
    scores = []
    for source in sources:
        context.check_cancelled()
        share = len(scores) / len(sources)
        context.progress("scoring", 20 + 75 * share, f"Scoring image {source.index} of {len(sources)}")
        scores.append(
            {
                "id": source.id,
                "aesthetic_score": score_image(scorer, decode(source)),
                "score_model": card.name,
                "score_min": card.score_min,
                "score_max": card.score_max,
            }
        )
    return {
        "route": "score",
        "scores": scores,
        "metadata": {
            "score_model": card.name,
            "score_license": card.license,
            "worker": {
                "version": settings.version,
                "model_hash": model_hash(tower),
                "device": scorer.device.name,
            },
        },
    }


def _scorer_files(assets: Assets) -> tuple:
    found = assets.scorer()
    if found is None:
        # A worker may do without one, for create; here there is nothing else to do.
        card = assets.set.scorer
        if card is None:
            tried = f"the set '{assets.set.name}' names none"
            raise StudioFailure("ASSET_MISSING", asset="aesthetic predictor", tried=tried)
        tried = [str(path) for name in (card.tower, card.head) for path in assets.places(name)]
        raise StudioFailure("ASSET_MISSING", asset=card.head, tried=", ".join(tried))
    return found
