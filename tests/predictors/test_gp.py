import math
import random

import numpy as np
import pytest
from scipy.optimize import check_grad

from searchitect.core import SettingError, SpaceError
from searchitect.predictors import make_predictor
from searchitect.predictors.gp import GaussianProcess, Hyperparameters, PoolPosterior, fit_hyperparameters
from searchitect.predictors.kernels import Kernel, combined, kernel_names, make_kernel, squared_distances
from searchitect.predictors.relevance import loss_and_gradient
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.testing import CountOnes, ToySpace, toy_score

NB201 = NasBench201(merges=False)
BITS = CountOnes(12)


def plain(is_number: list[bool]) -> Kernel:
    """On features that are handed in."""
    return Kernel(lambda _: np.zeros((0, len(is_number))), np.array(is_number))


def exact(
    gram: np.ndarray, cross: np.ndarray, targets: np.ndarray, noise: float, amplitude: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rasmussen, Williams 2006, equations 2.23 and 2.24, by inversion."""
    inverse = np.linalg.inv(amplitude * gram + amplitude * noise * np.eye(len(gram)))
    return amplitude * cross.T @ inverse @ targets, np.sqrt(
        amplitude - np.einsum("ip,ij,jp->p", amplitude * cross, inverse, amplitude * cross)
    )


# --- kernels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "name"), [(NB201, name) for name in kernel_names()] + [(ToySpace(), "hamming"), (BITS, "hamming")]
)
def test_gram_matrices_are_positive_semidefinite_with_ones_on_the_diagonal(space: NasBench201, name: str) -> None:
    kernel = make_kernel(name, space)
    drawn = [space.sample(random.Random(seed)) for seed in range(80)]
    features = kernel.features(drawn)
    for lengthscale in (0.1, 1.0, 6.4):
        gram = kernel(features, features, lengthscale)
        assert np.diag(gram) == pytest.approx(1)
        assert gram == pytest.approx(gram.T)
        assert np.linalg.eigvalsh(gram).min() > -1e-9
        assert (gram > 0).all()
    assert squared_distances(features, features).mean() == pytest.approx(2 if space.name == "toy" else 1, rel=0.2)


def test_hamming_is_the_exponential_of_differing_decisions() -> None:
    kernel = make_kernel("hamming", BITS)
    drawn = [BITS.sample(random.Random(seed)) for seed in range(20)]
    features = kernel.features(drawn)
    differing = np.array([[sum(x != y for x, y in zip(a.spec, b.spec, strict=True)) for b in drawn] for a in drawn])
    found = -np.log(kernel(features, features, 0.5))
    assert found * 0.5 / np.maximum(differing, 1) == pytest.approx(
        np.where(differing > 0, 1 / 6, 0), rel=0.02
    )  # 6 of 12 differ on average


def test_numbers_have_a_matern_kernel() -> None:
    kernel = plain([True])
    found = kernel(np.array([[0.0]]), np.array([[0.0], [0.7]]), 1.0)[0]
    s = math.sqrt(5) * 0.7
    assert found == pytest.approx([1, (1 + s + s * s / 3) * math.exp(-s)])
    mixed = plain([True, False])(np.array([[0.0, 0.0]]), np.array([[0.7, 1.0]]), 2.0)[0, 0]
    s = math.sqrt(5 / 2) * 0.7
    assert mixed == pytest.approx((1 + s + s * s / 3) * math.exp(-s) * math.exp(-1 / 2))
    assert combined(np.ones((1, 1)), None)[0, 0] == pytest.approx(math.exp(-1))


def test_the_graph_kernels_need_graphs() -> None:
    for name in ("path", "wl"):
        with pytest.raises(SpaceError, match="hold none"):
            make_kernel(name, ToySpace())
    with pytest.raises(SettingError, match="known are hamming, path, structure, wl"):
        make_kernel("rbf", NB201)


def test_equal_graphs_are_one_to_the_graph_kernels_and_two_to_hamming() -> None:
    a, b = (
        NB201.from_string(text)
        for text in (
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|",
            "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|",
        )
    )
    alike = {}
    for name in kernel_names():
        kernel = make_kernel(name, NB201)
        alike[name] = kernel(kernel.features([a]), kernel.features([b]), 1.0)[0, 0]
    assert alike["path"] == pytest.approx(1)
    assert alike["wl"] == pytest.approx(1)
    assert alike["hamming"] < 0.9


# --- posterior ----------------------------------------------------------------------------------------------------------


def test_the_posterior_of_one_and_of_two_observations_by_hand() -> None:
    pool = np.array([[0.0], [1.0], [2.0]])
    posterior = PoolPosterior(plain([False]), pool, Hyperparameters(1.0, 0.1, 2.0))
    mean, std = posterior.posterior(np.zeros(0))
    assert mean.tolist() == [0, 0, 0]
    assert std == pytest.approx(math.sqrt(2))

    posterior.observe(pool[0])
    near = math.exp(-1)
    mean, std = posterior.posterior(np.array([3.0]))
    assert mean == pytest.approx([3 / 1.1, 3 * near / 1.1, 3 * math.exp(-4) / 1.1])
    assert std**2 == pytest.approx([2 * (1 - 1 / 1.1), 2 * (1 - near**2 / 1.1), 2 * (1 - math.exp(-8) / 1.1)])

    posterior.observe(pool[2])
    far = math.exp(-4)
    mean, std = posterior.posterior(np.array([3.0, -1.0]))
    determinant = 1.1**2 - far**2  # of [[1.1, far], [far, 1.1]]
    weights = (1.1 * 3 + far) / determinant, (-far * 3 - 1.1) / determinant
    assert mean[1] == pytest.approx(near * sum(weights))
    assert std[1] ** 2 == pytest.approx(2 * (1 - 2 * near**2 * (1.1 - far) / determinant))


def test_the_incremental_posterior_is_the_exact_one_and_can_be_taken_back() -> None:
    kernel = make_kernel("hamming", NB201)
    rng = random.Random(0)
    pool = kernel.features([NB201.sample(rng) for _ in range(60)])
    outside = kernel.features([NB201.sample(rng) for _ in range(25)])
    targets = np.random.default_rng(0).normal(size=25)
    hyper = Hyperparameters(0.7, 0.05, 1.7)
    posterior = PoolPosterior(kernel, pool, hyper)
    for first, last in ((0, 1), (1, 2), (2, 9), (9, 25)):  # one by one, and several at once
        posterior.observe(outside[first:last])
        assert len(posterior) == last
        expected = exact(
            kernel(outside[:last], outside[:last], 0.7), kernel(outside[:last], pool, 0.7), targets[:last], 0.05, 1.7
        )
        for found, wanted in zip(posterior.posterior(targets[:last]), expected, strict=True):
            assert found == pytest.approx(wanted, abs=1e-6)
    before = posterior.posterior(targets)
    posterior.observe(pool[:3])
    posterior.forget(3)
    for found, wanted in zip(posterior.posterior(targets), before, strict=True):
        assert found == pytest.approx(wanted, abs=1e-9)
    with pytest.raises(SettingError, match=r"\[0, 25\]"):
        posterior.forget(26)
    with pytest.raises(SettingError, match="one per observation, got 2 of 25"):
        posterior.posterior(np.zeros(2))


def test_the_same_point_twice_is_no_trouble() -> None:
    pool = np.array([[0.0], [1.0]])
    posterior = PoolPosterior(plain([False]), pool, Hyperparameters(1.0, 1e-4, 1.0))
    for _ in range(50):
        posterior.observe(pool[0])
    mean, std = posterior.posterior(np.ones(50))
    assert mean[0] == pytest.approx(1, abs=1e-3)
    assert 0 < std[0] < 0.01


def test_the_predictor_is_the_exact_posterior_in_the_unit_of_the_scores() -> None:
    rng = random.Random(1)
    cells = [NB201.sample(rng) for _ in range(50)]
    scores = np.array(
        [90 + 3 * sum("conv" in str(op) for op in cell.decisions.values()) for cell in cells]
    ) + np.random.default_rng(0).normal(size=50)
    predictor = GaussianProcess(NB201)
    predictor.fit(cells[:40], scores[:40])
    hyper, kernel = predictor.hyperparameters, predictor.kernel
    seen, new = kernel.features(cells[:40]), kernel.features(cells[40:])
    mean, std = scores[:40].mean(), scores[:40].std()
    wanted = exact(
        kernel(seen, seen, hyper.lengthscale),
        kernel(seen, new, hyper.lengthscale),
        (scores[:40] - mean) / std,
        hyper.noise,
        hyper.amplitude,
    )
    found = predictor.predict(cells[40:])
    assert found[0] == pytest.approx(wanted[0] * std + mean, abs=1e-5)
    assert found[1] == pytest.approx(wanted[1] * std, abs=1e-5)


# --- hyperparameters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lengthscale", "noise"), [(0.4, 1e-3), (3.2, 1e-2), (0.8, 0.3)])
def test_the_marginal_likelihood_finds_what_the_data_were_drawn_from(lengthscale: float, noise: float) -> None:
    kernel = make_kernel("hamming", NB201)
    features = kernel.features([NB201.sample(random.Random(seed)) for seed in range(200)])
    gram = kernel(features, features, lengthscale) + noise * np.eye(200)
    found = []
    for seed in range(5):
        targets = np.linalg.cholesky(gram) @ np.random.default_rng(seed).normal(size=200) * math.sqrt(2.5)
        found.append(fit_hyperparameters(kernel, features, targets))
    assert np.exp(np.mean(np.log([h.lengthscale for h in found]))) == pytest.approx(lengthscale, rel=0.5)
    assert np.median([h.noise for h in found]) == pytest.approx(noise, rel=2.4)
    assert np.mean([h.amplitude for h in found]) == pytest.approx(2.5, rel=0.6)


def test_a_single_observation_and_equal_ones_take_the_usual_hyperparameters() -> None:
    kernel = make_kernel("hamming", BITS)
    features = kernel.features([BITS.sample(random.Random(seed)) for seed in range(3)])
    assert fit_hyperparameters(kernel, features, np.zeros(3)) == Hyperparameters()


@pytest.mark.parametrize("space", [BITS, ToySpace()])
def test_the_gradient_of_the_relevance_is_right(space: CountOnes) -> None:
    kernel = make_kernel("hamming", space)
    rng = random.Random(0)
    features = kernel.features([space.sample(rng) for _ in range(15)])
    targets = np.random.default_rng(0).normal(size=15)
    groups = np.arange(features.shape[1]) % 5
    at = np.append(np.random.default_rng(1).normal(size=5), math.log(0.05))
    data = kernel, features, targets, groups, 0.8
    error = check_grad(lambda x: loss_and_gradient(x, *data)[0], lambda x: loss_and_gradient(x, *data)[1], at)
    assert error < 1e-4


def test_relevance_finds_the_decisions_that_count() -> None:
    drawn = [BITS.sample(random.Random(seed)) for seed in range(80)]
    scores = [2 * a.spec[3] - a.spec[7] + 0.5 * a.spec[3] * a.spec[9] for a in drawn]
    predictor = make_predictor("gp", BITS, relevance=True)
    assert isinstance(predictor, GaussianProcess)
    predictor.fit(drawn[:60], scores[:60])
    assert predictor.hyperparameters.weights is not None
    weights = predictor.hyperparameters.weights[::2]
    assert set(np.argsort(weights)[-3:]) == {3, 7, 9}
    equal = make_predictor("gp", BITS)
    equal.fit(drawn[:60], scores[:60])
    errors = [np.abs(p.predict(drawn[60:])[0] - scores[60:]).mean() for p in (predictor, equal)]
    assert errors[0] < errors[1] / 3
    with pytest.raises(SettingError, match="only the kernel 'hamming' sees"):
        make_predictor("gp", NB201, kernel="path", relevance=True)


def test_a_smooth_function_of_every_kind_of_choice_is_learned() -> None:
    space = ToySpace()
    drawn = [space.sample(random.Random(seed)) for seed in range(300)]
    scores = np.array([toy_score(a.spec) for a in drawn])
    predictor = make_predictor("gp", space)
    predictor.fit(drawn[:200], scores[:200])
    mean, std = predictor.predict(drawn[200:])
    assert np.corrcoef(mean, scores[200:])[0, 1] > 0.9
    assert (np.abs(mean - scores[200:]) < 3 * std + 0.05).mean() > 0.9
