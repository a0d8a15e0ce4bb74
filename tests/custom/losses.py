"""The formulas as their authors write them, of one element in float64; torch takes derivatives."""

import math

import torch
from torch.nn.functional import logsigmoid


def charbonnier(p, t, epsilon):
    return ((p - t) ** 2 + epsilon**2).sqrt()


def barron_general_robust(p, t, alpha, scale):
    z2 = ((p - t) / scale) ** 2
    if alpha == 2:
        return z2 / 2
    if alpha == 0:
        return torch.log(z2 / 2 + 1)
    if alpha <= -1e9:
        return 1 - torch.exp(-z2 / 2)
    b = abs(alpha - 2)
    return b / alpha * ((z2 / b + 1) ** (alpha / 2) - 1)


def tweedie_deviance(p, t, exponent):
    e = exponent
    first = t ** (2 - e) / ((1 - e) * (2 - e))
    return 2 * (first - t * p ** (1 - e) / (1 - e) + p ** (2 - e) / (2 - e))


def wing(p, t, width, curvature):
    d = (p - t).abs()
    if d < width:
        return width * torch.log(1 + d / curvature)
    return d - (width - width * math.log(1 + width / curvature))


def asymmetric_focal(x, t, gamma_pos, gamma_neg, clip):
    if t == 1:
        return -torch.sigmoid(-x) ** gamma_pos * logsigmoid(x)
    # sigmoid(-x) is 1 - q, which would be 0 in float64 too.
    not_q = (torch.sigmoid(-x) + clip).clamp(max=1)
    return -((1 - not_q) ** gamma_neg) * torch.log(not_q)


def cauchy(p, t, scale):
    return scale**2 / 2 * torch.log(1 + ((p - t) / scale) ** 2)


def geman_mcclure(p, t, scale):
    return (p - t) ** 2 / (scale**2 + (p - t) ** 2)


def welsch(p, t, scale):
    return scale**2 / 2 * (1 - torch.exp(-(((p - t) / scale) ** 2)))


def tukey_biweight(p, t, cut):
    d = p - t
    if d.abs() <= cut:
        return cut**2 / 6 * (1 - (1 - (d / cut) ** 2) ** 3)
    return cut**2 / 6 + 0 * d


def expectile(p, t, tau):
    return abs(tau - float(t < p)) * (t - p) ** 2


def generalized_cross_entropy(p, q):
    return (1 - p**q) / q


def symmetric_mean_absolute_percentage(p, t):
    if p == 0 and t == 0:
        return 0 * (p + t)
    return 2 * (p - t).abs() / (p.abs() + t.abs())


def mean_squared_log_error(p, t):
    return (torch.log(1 + p) - torch.log(1 + t)) ** 2


def laplace_nll(p, t, scale):
    return torch.log(2 * scale) + (p - t).abs() / scale


def quality_focal(x, t, beta):
    bce = -(t * logsigmoid(x) + (1 - t) * logsigmoid(-x))
    # t - sigmoid(x), which would be 0 far out in float64 too.
    miss = t * torch.sigmoid(-x) - (1 - t) * torch.sigmoid(x)
    return miss.abs() ** beta * bce


def poly_loss(x, t, terms, epsilon_1, epsilon_2, epsilon_3):
    toward_label = x if t == 1 else -x
    miss = 1 - torch.sigmoid(toward_label)
    epsilons = [epsilon_1, epsilon_2, epsilon_3][: int(terms)]
    polynomial = sum(epsilon * miss ** (j + 1) for j, epsilon in enumerate(epsilons))
    return -logsigmoid(toward_label) + polynomial


def beta_divergence(p, t, beta):
    if beta == 0:
        return t / p - torch.log(t / p) - 1
    if beta == 1:
        return torch.xlogy(t, t) - torch.xlogy(t, p) - t + p
    last = beta * t * p ** (beta - 1)
    return (t**beta + (beta - 1) * p**beta - last) / (beta * (beta - 1))


def gamma_deviance(p, t):
    return 2 * (torch.log(p / t) + t / p - 1)


def von_mises_nll(p, t, concentration):
    log_bessel = torch.log(torch.special.i0e(concentration)) + concentration
    return math.log(2 * math.pi) + log_bessel - concentration * torch.cos(p - t)


def student_t_nll(p, t, scale, freedom):
    z = (p - t) / scale
    constant = torch.lgamma((freedom + 1) / 2) - torch.lgamma(freedom / 2)
    constant = constant - torch.log(freedom * math.pi) / 2 - torch.log(scale)
    return (freedom + 1) / 2 * torch.log(1 + z**2 / freedom) - constant


def bi_tempered_logistic(x, t, temperature_1, temperature_2, iterations):
    """The norm comes from a bisection; Newton's steps after it give it both derivatives."""

    def exponential(u):
        if temperature_2 == 1:
            return torch.exp(u)
        return (1 + (1 - temperature_2) * u) ** (1 / (1 - temperature_2))

    def divergence(y, q):
        if y == 0:
            return q ** (2 - temperature_1) / (2 - temperature_1)
        logarithms = (y ** (1 - temperature_1) - q ** (1 - temperature_1)) / (1 - temperature_1)
        powers = y ** (2 - temperature_1) - q ** (2 - temperature_1)
        return y * logarithms - powers / (2 - temperature_1)

    low = x.detach().clamp(min=0)
    high = low + 100
    for _ in range(100):
        middle = (low + high) / 2
        over = exponential(x.detach() - middle) + exponential(-middle) > 1
        low, high = (middle, high) if over else (low, middle)
    norm = middle
    for _ in range(3):
        first, second = exponential(x - norm), exponential(-norm)
        slope = first**temperature_2 + second**temperature_2
        norm = norm + (first + second - 1) / slope
    return divergence(t, exponential(x - norm)) + divergence(1 - t, exponential(-norm))


def negative_binomial(p, r, t):
    choices = torch.lgamma(r) + math.lgamma(t + 1) - torch.lgamma(t + r)
    logarithms = r * torch.log1p(p / r) + (t * torch.log1p(r / p) if t else 0)
    return choices + logarithms


def zero_inflated_poisson(p, x, t):
    if t == 0:
        q = torch.sigmoid(x)
        return -torch.log(q + (1 - q) * torch.exp(-p))
    return -logsigmoid(-x) + p - t * torch.log(p) + math.lgamma(t + 1)


def beta_nll(a, b, t):
    log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
    return log_beta - (a - 1) * torch.log(t) - (b - 1) * torch.log1p(-t)


def evidential_regression(p, nu, alpha, beta, t, penalty):
    omega = 2 * beta * (1 + nu)
    likelihood = torch.log(math.pi / nu) / 2 - alpha * torch.log(omega)
    likelihood = likelihood + (alpha + 0.5) * torch.log((t - p) ** 2 * nu + omega)
    likelihood = likelihood + torch.lgamma(alpha) - torch.lgamma(alpha + 0.5)
    return likelihood + penalty * (t - p).abs() * (2 * nu + alpha)


def normal_crps(p, scale, t):
    z = (t - p) / scale
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return scale * (z * torch.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))


def log_normal_survival(p, scale, t, event):
    z = (torch.log(t) - p) / scale
    if event:
        return torch.log(t) + torch.log(scale) + math.log(2 * math.pi) / 2 + z * z / 2
    return -torch.special.log_ndtr(-z)


def weibull_survival(scale, shape, t, event):
    hazard = (t / scale) ** shape
    if event:
        return hazard - torch.log(shape / scale) - (shape - 1) * torch.log(t / scale)
    return hazard


def ordinal(x, t, thresholds):
    edges = [-math.inf, *thresholds, math.inf]
    return -torch.log(torch.sigmoid(edges[t + 1] - x) - torch.sigmoid(edges[t] - x))


def mixture_density(x, mean, log_scale, t):
    z = (t - mean) / torch.exp(log_scale)
    components = -z * z / 2 - log_scale - math.log(2 * math.pi) / 2
    return -torch.logsumexp(torch.log_softmax(x, 0) + components, 0)


def generalized_iou(p, t, epsilon):
    def area(low, high):
        return (high - low).prod()

    size = (torch.minimum(p[2:], t[2:]) - torch.maximum(p[:2], t[:2])).clamp(min=0)
    inner = size.prod()
    union = area(p[:2], p[2:]) + area(t[:2], t[2:]) - inner
    hull = area(torch.minimum(p[:2], t[:2]), torch.maximum(p[2:], t[2:]))
    return 1 - inner / (union + epsilon) + (hull - union) / (hull + epsilon)


def dpo(chosen, rejected, chosen_before, rejected_before, beta):
    return -logsigmoid(beta * ((chosen - rejected) - (chosen_before - rejected_before)))


def ppo_clip(p, before, advantage, width):
    ratio = torch.exp(p - before)
    clipped = ratio.clamp(1 - width, 1 + width)
    return -torch.minimum(ratio * advantage, clipped * advantage)


# Over rows.


def focal_softmax(input, target, gamma):
    log_p = torch.log_softmax(input, 0)[target]
    return -((-torch.expm1(log_p)) ** gamma) * log_p


def soft_dice(p, t, smoothing):
    return 1 - (2 * (p * t).sum() + smoothing) / (p.sum() + t.sum() + smoothing)


def object_keypoint_similarity(x, y, to_x, to_y, labelled, sigma, area):
    kept = torch.as_tensor(labelled) != 0
    squares = (x - to_x) ** 2 + (y - to_y) ** 2
    cost = -torch.expm1(-squares / (8 * area * sigma**2))
    return torch.where(kept, cost, 0.0).sum() / max(int(kept.sum()), 1)


def smoothed_cross_entropy(input, target, weight, smoothing):
    target = torch.tensor(target)
    return weight * torch.nn.functional.cross_entropy(input, target, label_smoothing=smoothing)


def logit_adjusted(input, prior, target, tau):
    adjusted = input + tau * torch.log(prior)
    return torch.nn.functional.cross_entropy(adjusted, torch.tensor(target))


def sliced_distance(p, t, direction):
    return ((p - t) * direction).sum() ** 2 / (direction**2).sum()


def dirichlet_nll(alpha, t):
    terms = torch.lgamma(alpha) - (alpha - 1) * torch.log(t)
    return terms.sum() - torch.lgamma(alpha.sum())


def group_relative_policy(p, before, reward, width, epsilon):
    advantage = (reward - reward.mean()) / (reward.std() + epsilon)
    ratio = torch.exp(p - before)
    clipped = ratio.clamp(1 - width, 1 + width)
    return -torch.minimum(ratio * advantage, clipped * advantage).mean()


def carlini_wagner(input, target, margin):
    others = [k for k in range(len(input)) if k != target]
    return (input[others].amax() - input[target] + margin).clamp(min=0)


def multi_margin(input, target, margin):
    return torch.nn.functional.multi_margin_loss(input, torch.tensor(target), margin=margin)


def cox_partial_likelihood(input, event):
    at_risk = torch.logcumsumexp(input, 0)
    return (event * (at_risk - input)).sum() / event.sum().clamp(min=1)


def list_mle(input):
    return (torch.logcumsumexp(input, 0) - input).sum()


def earth_movers_distance(input, expected):
    return ((torch.softmax(input, 0) - expected).cumsum(0) ** 2).sum()


def ranked_probability_score(input, target):
    reached = torch.arange(len(input)) >= target
    d = torch.softmax(input, 0).cumsum(0) - reached.double()
    return (d * d).sum() / max(len(input) - 1, 1)
