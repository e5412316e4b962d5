"""Published claims, asked of the engine: what each says, what is true of it, and why.

Nothing here is typed in: a judgement follows from the engine's answers to the claim's settings.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

from app.catalog import Catalog
from app.catalog import claims as record
from app.domain.strategies import STRATEGIES
from app.domain.units import GIB
from app.domain.version import ENGINE_VERSION
from app.schemas.claims import (
    Answer,
    Claim,
    ClaimFigure,
    ClaimList,
    ClaimOutcome,
    ClaimSetting,
    ClaimSource,
    ClaimTopic,
    Judgement,
)
from app.schemas.estimates import EstimateRequest, EstimateResponse, Group, StrategyEstimate
from app.services.estimating import Estimator
from app.services.evidence import measured_evidence
from app.services.no_profiles import NoProfiles
from app.services.patching import Patch, merge
from app.services.resolving import Resolver

# Sources round to two digits.
_ROUNDED = 0.02
_VERDICTS = {"fits": "fits", "tight": "is tight", "does_not_fit": "does not fit"}
_BEST_FIRST = ("fits", "tight", "does_not_fit", "unsupported")


class Asked(NamedTuple):
    """A setting's request, the whole answer, and the most favourable strategy of it."""

    request: Patch
    response: EstimateResponse
    best: StrategyEstimate


class Finding(NamedTuple):
    answer: Answer
    result: str


class JudgedClaims:
    """Every claim, judged once: neither the records nor the engine change while it runs."""

    def __init__(self, records: record.Claims, estimator: Estimator, catalog_version: str) -> None:
        self._records = records
        self._estimator = estimator
        self._catalog_version = catalog_version
        self.responses: dict[tuple[str, int], EstimateResponse] = {}

    @cached_property
    def document(self) -> ClaimList:
        """All of them, in the records' order; `responses` holds each setting's whole estimate."""
        return ClaimList(
            engine_version=ENGINE_VERSION,
            catalog_version=self._catalog_version,
            topics=[
                ClaimTopic(topic.id, topic.title, topic.about, [claim.id for claim in topic.claims])
                for topic in self._records.topics
            ],
            items=[
                self._claim(topic.id, claim)
                for topic in self._records.topics
                for claim in topic.claims
            ],
        )

    def _claim(self, topic: str, claim: record.Claim) -> Claim:
        asked = [self._ask(merge(claim.job, setting.patch)) for setting in claim.settings]
        for place, one in enumerate(asked):
            self.responses[claim.id, place] = one.response
        settings = [
            self._setting(claim, setting, one)
            for setting, one in zip(claim.settings, asked, strict=True)
        ]
        source = self._records.sources[claim.source]
        judgement, reason = judged(claim.asserts, [setting.answer for setting in settings])
        return Claim(
            id=claim.id,
            topic=topic,
            title=claim.title,
            quote=claim.quote,
            source=ClaimSource(source.title, source.by, source.url, source.published),
            judgement=judgement,
            reason=reason,
            figures=[_figure(figure, asked[0].best) for figure in claim.figures],
            settings=settings,
            leaves_out=list(claim.leaves_out),
            remarks=list(claim.remarks),
        )

    def _ask(self, job: Patch) -> Asked:
        response = self._estimator.estimate(EstimateRequest.model_validate(job))
        return Asked(job, response, min(response.estimates, key=_favour))

    def _setting(self, claim: record.Claim, setting: record.Setting, asked: Asked) -> ClaimSetting:
        reference = None
        if setting.reference is not None:
            reference = self._ask(merge(asked.request, setting.reference))
        asserts = claim.asserts
        if setting.counts and not isinstance(asserts, record.NotComparable):
            finding = _found(asserts, setting, asked, reference)
        else:
            finding = Finding("not_asked", _verdict_sentence(asked))
        return ClaimSetting(
            label=setting.label,
            answer=finding.answer,
            result=finding.result,
            observed=setting.observed,
            request=asked.request,
            reference_request=reference.request if reference else None,
            outcomes=[_outcome(estimate, asked.response) for estimate in asked.response.estimates],
        )


@lru_cache(maxsize=1)
def published_claims(catalog: Catalog) -> JudgedClaims:
    """The claims of this release, judged once in a process: no job of theirs is a saved one."""
    resolver = Resolver(catalog, NoProfiles())
    estimator = Estimator(resolver, catalog.version, measured_evidence(catalog))
    return JudgedClaims(record.load_claims(), estimator, catalog.version)


def _favour(estimate: StrategyEstimate) -> tuple[int, int]:
    peak = estimate.peak.allocated_bytes if estimate.peak else 0
    return _BEST_FIRST.index(estimate.verdict), peak


def judged(asserts: record.Assertion, answers: list[Answer]) -> tuple[Judgement, str]:
    """The judgement that follows from the settings' answers, and its reason in a sentence."""
    if isinstance(asserts, record.NotComparable):
        return "not_comparable", asserts.reason
    total = len(answers) - answers.count("not_asked")
    if answers.count("yes") == total:
        return "holds", f"True in all {total} settings." if total > 1 else "True as it stands."
    if answers.count("no") == total:
        return "does_not_hold", f"True in none of {total} settings."
    partly = answers.count("partly")
    limit = f", at the limit in {partly}" if partly else ""
    return "holds_with_conditions", f"True in {answers.count('yes')} of {total} settings{limit}."


def _found(
    asserts: record.Runs | record.Amount | record.Ratio | record.Holds,
    setting: record.Setting,
    asked: Asked,
    reference: Asked | None,
) -> Finding:
    match asserts:
        case record.Runs():
            return _runs(asserts, asked)
        case record.Amount():
            return _amount(asserts, asked)
        case record.Ratio():
            return _ratio(asserts, setting, asked, reference)
        case record.Holds():
            return _holds(asserts, asked)


def _runs(asserts: record.Runs, asked: Asked) -> Finding:
    verdict = asked.best.verdict
    if verdict == "tight":
        return Finding("partly", _verdict_sentence(asked))
    return Finding("yes" if verdict == asserts.kind else "no", _verdict_sentence(asked))


def _verdict_sentence(asked: Asked) -> str:
    best = asked.best
    if best.peak is None:
        return f"{best.title}: not possible. {' '.join(best.notes)}"
    usable = asked.response.capacity.usable_bytes
    sentence = (
        f"{best.title} peaks at {_gib(best.peak.allocated_bytes)} of {_gib(usable)} usable on each "
        f"GPU: it {_VERDICTS[best.verdict]}."
    )
    return " ".join([sentence, *best.notes[:1]]) if best.verdict != "fits" else sentence


def _amount(asserts: record.Amount, asked: Asked) -> Finding:
    found = _measured(asserts.measure, asked.best)
    if asserts.bytes_per_parameter is not None:
        parameters = asked.response.model.total_parameters
        ranks = _sharers(asked)
        wanted = asserts.bytes_per_parameter * parameters // ranks
        per = f"{found * ranks / parameters:.1f} bytes per parameter"
    else:
        wanted = asserts.bytes or 0
        per = f"{100 * (found / wanted - 1):+.0f} %".replace("-", "−")
    close = abs(found - wanted) * 100 <= asserts.tolerance_percent * wanted
    result = f"{asked.best.title}: {_gib(found)} on each GPU against {_gib(wanted)}, {per}."
    return Finding("yes" if close else "no", result)


def _sharers(asked: Asked) -> int:
    """Over how many GPUs the strategy divides the model states."""
    hardware = EstimateRequest.model_validate(asked.request).hardware
    nodes = {"none": 0, "node": 1, "world": hardware.nodes}
    scope = STRATEGIES[asked.best.strategy].shard_parameters
    return hardware.gpus_per_node * nodes[scope] or 1


def _ratio(
    asserts: record.Ratio, setting: record.Setting, asked: Asked, reference: Asked | None
) -> Finding:
    if reference is None:
        raise ValueError(f"{setting.label}: a ratio needs a reference")
    less = _measured(setting.measure, asked.best)
    more = _measured(setting.reference_measure or setting.measure, reference.best)
    ratio = more / less
    close = abs(ratio - asserts.times) * 100 <= asserts.tolerance_percent * asserts.times
    result = f"{_gib(more)} against {_gib(less)}: {ratio:.1f} times."
    return Finding("yes" if close else "no", result)


def _holds(asserts: record.Holds, asked: Asked) -> Finding:
    needed, usable = _measured(asserts.measure, asked.best), asked.response.capacity.usable_bytes
    result = f"{asked.best.title} keeps {_gib(needed)} of it on each GPU; {_gib(usable)} is usable."
    return Finding("yes" if needed <= usable else "no", result)


def _measured(measure: record.Measure, estimate: StrategyEstimate) -> int:
    """The bytes at the peak that a measure means; the whole peak where it names nothing.

    Raises:
        ValueError: a component that is not alive at this estimate's peak, misspelt perhaps.
    """
    if estimate.peak is None:
        raise ValueError(f"{estimate.title} has no numbers: {estimate.notes}")
    if not measure.groups and not measure.components:
        return estimate.peak.allocated_bytes
    missing = set(measure.components) - {part.name for part in estimate.components}
    if missing:
        raise ValueError(f"{estimate.title} has no component {sorted(missing)}")
    return sum(
        part.bytes
        for part in estimate.components
        if part.group in measure.groups or part.name in measure.components
    )


def _figure(figure: record.Figure, estimate: StrategyEstimate) -> ClaimFigure:
    share = None if figure.whole_bytes is None else figure.whole_bytes // figure.ranks
    return ClaimFigure(
        text=figure.text,
        bytes=figure.bytes,
        counts=figure.counts,
        parameters=figure.parameters,
        ranks=figure.ranks,
        bytes_per_parameter=round(figure.bytes * figure.ranks / figure.parameters, 2),
        whole_bytes=figure.whole_bytes,
        share_of_whole_bytes=share,
        adds_up=None if share is None else abs(figure.bytes - share) <= _ROUNDED * share,
        engine_bytes=None if figure.measure is None else _measured(figure.measure, estimate),
    )


def _outcome(estimate: StrategyEstimate, response: EstimateResponse) -> ClaimOutcome:
    groups: dict[Group, int] = {}
    for part in estimate.components:
        groups[part.group] = groups.get(part.group, 0) + part.bytes
    return ClaimOutcome(
        strategy=estimate.strategy,
        title=estimate.title,
        verdict=estimate.verdict,
        peak_bytes=estimate.peak.allocated_bytes if estimate.peak else None,
        usable_bytes=response.capacity.usable_bytes,
        bytes_by_group=groups,
        host_bytes=estimate.host_bytes,
        nvme_bytes=estimate.nvme_bytes,
        notes=estimate.notes,
    )


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"
