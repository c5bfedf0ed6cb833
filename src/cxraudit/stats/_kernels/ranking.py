"""Ranking metrics of one set of images, all replicates side by side."""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from cxraudit.stats._lanes import LANES

NEGATIVE, LONE_POSITIVE, TIED, END_OF_TIE = range(4)
"""Kinds of images, in order from the highest score down: a negative whose score no positive has; a
positive with a unique score; one of several images tied with a positive; the last of those. Most
images are of the first two kinds, which need little work."""

AHEAD = 16
"""How many images ahead weights are prefetched: about the latency of main memory."""


@intrinsic
def _prefetch(typingctx, array, row):
    """Prefetch a row of `array` (64 bytes, one cache line)."""

    def code(context, builder, signature, args):
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, args[0])
        zero = context.get_constant(types.intp, 0)
        address = cgutils.get_item_pointer(context, builder, array_type, view, [args[1], zero])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        instruction = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte] + [number] * 3),
            "llvm.prefetch.p0",
        )
        builder.call(instruction, [builder.bitcast(address, byte), *(number(k) for k in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, row), code


@numba.njit(nogil=True, cache=True, error_model="numpy")
def line_up(order, labels, scores, units, cell, n_units):
    """Line up the images of one cell for `sweep`, from the highest score down.

    Returns their rows among all images; their units, kinds and labels; and, of shape
    (3, units of the cell), each unit with its numbers of images and of positives.
    """
    size = 0
    for i in range(cell.size):
        size += cell[i]
    place = np.empty(size, np.int64)
    unit = np.empty(size, np.int64)
    kind = np.empty(size, np.uint8)
    positive = np.empty(size, np.bool_)
    images = np.zeros((2, n_units), np.int64)
    k = first = 0
    any_positive = False
    for i in range(order.size):
        image = order[i]
        if not cell[image]:
            continue
        if k > first and scores[image] != scores[place[k - 1]]:
            _close_tie(kind, first, k, any_positive)
            first, any_positive = k, False
        place[k] = image
        unit[k] = units[image]
        positive[k] = labels[image]
        any_positive |= labels[image]
        images[0, unit[k]] += 1
        images[1, unit[k]] += labels[image]
        k += 1
    _close_tie(kind, first, k, any_positive)
    present = np.flatnonzero(images[0])
    members = np.empty((3, present.size), np.int64)
    for j in range(present.size):
        members[0, j] = present[j]
        members[1, j] = images[0, present[j]]
        members[2, j] = images[1, present[j]]
    return place, unit, kind, positive, members


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _close_tie(kind, first, end, any_positive) -> None:
    """Set the kind of all images that share a score."""
    for j in range(first, end):
        kind[j] = TIED if any_positive else NEGATIVE
    if any_positive:
        kind[end - 1] = LONE_POSITIVE if end == first + 1 else END_OF_TIE


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sweep(unit, kind, positive, members, counts, prevalence, out) -> None:
    """Walk the images of one cell from the highest score down, all replicates side by side.

    ``unit``, ``kind`` and ``positive`` hold, per image in that order, its patient, its kind (see
    `NEGATIVE`) and its label; ``members`` holds the units of the cell with their numbers of images
    and of positives. The weight of an image is the number of times its patient is drawn. ``out``
    (5, replicates) receives AUROC, average precision, average precision at `prevalence`, and the
    weights of positives and negatives.
    """
    for block in range(counts.shape[0]):
        weight = counts[block]
        n_pos, n_neg = np.zeros(LANES), np.zeros(LANES)
        images = np.zeros(LANES, np.uint32)
        for k in range(members.shape[1]):
            w = weight[members[0, k]]
            n_images = np.uint32(members[1, k])
            for lane in range(LANES):
                images[lane] += w[lane] * n_images
            if members[2, k] > 0:
                for lane in range(LANES):
                    n_pos[lane] += float(w[lane] * members[2, k])
        for lane in range(LANES):
            n_neg[lane] = float(images[lane]) - n_pos[lane]
        tp, fp = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
        tie_p, tie_n = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
        lost, precision, shifted = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        per_pos, per_neg = _shares(prevalence, n_pos, n_neg)
        for i in range(unit.size):
            _prefetch(weight, unit[min(i + AHEAD, unit.size - 1)])  # pyrefly: ignore[missing-argument]
            w = weight[unit[i]]
            if kind[i] == NEGATIVE:
                for lane in range(LANES):
                    fp[lane] += w[lane]
            elif kind[i] == LONE_POSITIVE:
                for lane in range(LANES):
                    p = float(w[lane])
                    tp[lane] += w[lane]
                    above = float(fp[lane])
                    hits = float(tp[lane])
                    lost[lane] += p * above
                    # Both precisions with one division: x/a and y/b are xb/(ab) and ya/(ab).
                    flagged = max(hits + above, 1e-100)
                    shifted_hits = per_pos[lane] * hits
                    shifted_flagged = max(shifted_hits + per_neg[lane] * above, 1e-100)
                    share = p / (flagged * shifted_flagged)
                    precision[lane] += hits * shifted_flagged * share
                    shifted[lane] += shifted_hits * flagged * share
            else:
                target = tie_p if positive[i] else tie_n
                for lane in range(LANES):
                    target[lane] += w[lane]
                if kind[i] == END_OF_TIE:
                    # Precision is taken where the score changes, as scikit-learn does; of a
                    # positive's pairs, those with negatives above it and half of its ties are lost.
                    for lane in range(LANES):
                        p, n = float(tie_p[lane]), float(tie_n[lane])
                        lost[lane] += p * (float(fp[lane]) + 0.5 * n)
                        tp[lane] += tie_p[lane]
                        fp[lane] += tie_n[lane]
                        tie_p[lane] = 0
                        tie_n[lane] = 0
                        hits, above = float(tp[lane]), float(fp[lane])
                        precision[lane] += p * hits / max(hits + above, 1e-300)
                        shifted_hits = per_pos[lane] * hits
                        shifted_flagged = max(shifted_hits + per_neg[lane] * above, 1e-300)
                        shifted[lane] += p * shifted_hits / shifted_flagged
        _write(out, block * LANES, lost, precision, shifted, n_pos, n_neg)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sweep_weighted(
    unit, kind, positive, own, stratum, counts, factors, totals, prevalence, out
) -> None:
    """Do as `sweep` with images weighted: by ``own`` weights, and by stratum within replicates.

    ``own`` is a number per image; ``stratum`` is a row of ``factors`` (n_strata, lanes of all blocks) per
    image; ``totals`` (2, lanes of all blocks) are the weights of negatives and of positives.
    """
    factor = np.empty((factors.shape[0], LANES))
    for block in range(counts.shape[0]):
        weight = counts[block]
        start = block * LANES
        n_neg = totals[0, start : start + LANES]
        n_pos = totals[1, start : start + LANES]
        factor[:] = factors[:, start : start + LANES]
        tp, fp, tie_p, tie_n = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        lost, precision, shifted = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        per_pos, per_neg = _shares(prevalence, n_pos, n_neg)
        i = 0
        while i < unit.size:
            if kind[i] == NEGATIVE:
                i = _add_negatives(unit, kind, own, stratum, i, weight, factor, fp)
                continue
            w, k, o = weight[unit[i]], stratum[i], own[i]
            if kind[i] == LONE_POSITIVE:
                for lane in range(LANES):
                    p = float(w[lane]) * factor[k, lane] * o
                    tp[lane] += p
                    above, hits = fp[lane], tp[lane]
                    lost[lane] += p * above
                    flagged = max(hits + above, 1e-100)
                    shifted_hits = per_pos[lane] * hits
                    shifted_flagged = max(shifted_hits + per_neg[lane] * above, 1e-100)
                    share = p / (flagged * shifted_flagged)
                    precision[lane] += hits * shifted_flagged * share
                    shifted[lane] += shifted_hits * flagged * share
            else:
                target = tie_p if positive[i] else tie_n
                for lane in range(LANES):
                    target[lane] += float(w[lane]) * factor[k, lane] * o
                if kind[i] == END_OF_TIE:
                    for lane in range(LANES):
                        p, n = tie_p[lane], tie_n[lane]
                        lost[lane] += p * (fp[lane] + 0.5 * n)
                        tp[lane] += p
                        fp[lane] += n
                        tie_p[lane] = 0.0
                        tie_n[lane] = 0.0
                        hits, above = tp[lane], fp[lane]
                        precision[lane] += p * hits / max(hits + above, 1e-300)
                        shifted_hits = per_pos[lane] * hits
                        shifted_flagged = max(shifted_hits + per_neg[lane] * above, 1e-300)
                        shifted[lane] += p * shifted_hits / shifted_flagged
            i += 1
        _write(out, start, lost, precision, shifted, n_pos, n_neg)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _add_negatives(unit, kind, own, stratum, i, weight, factor, fp):
    """Add the weights of a run of negatives; return where it ends.

    A function of its own, whose one loop over lanes the compiler vectorises; within `sweep_weighted` it
    does not, and takes twice as long.
    """
    while i < unit.size and kind[i] == NEGATIVE:
        w, f, o = weight[unit[i]], factor[stratum[i]], own[i]
        for lane in range(LANES):
            fp[lane] += float(w[lane]) * f[lane] * o
        i += 1
    return i


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _shares(prevalence, n_pos, n_neg):
    """Weight that one positive, and one negative, has at a prevalence."""
    per_pos, per_neg = np.zeros(LANES), np.zeros(LANES)
    for lane in range(LANES):
        per_pos[lane] = prevalence / max(n_pos[lane], 1e-300)
        per_neg[lane] = (1.0 - prevalence) / max(n_neg[lane], 1e-300)
    return per_pos, per_neg


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _write(out, start, lost, precision, shifted, n_pos, n_neg) -> None:
    """Turn the sums of one block into metrics."""
    for lane in range(min(LANES, out.shape[1] - start)):
        r = start + lane
        p, n = n_pos[lane], n_neg[lane]
        out[0, r] = 1.0 - lost[lane] / (p * n) if p * n > 0 else np.nan
        out[1, r] = precision[lane] / p if p > 0 else np.nan
        out[2, r] = shifted[lane] / p if p * n > 0 else np.nan
        out[3, r] = p
        out[4, r] = n


@numba.njit(nogil=True, cache=True, error_model="numpy")
def influences(unit, kind, positive, weight, prevalence, out) -> None:
    """Sum per unit the influence of its images on AUROC, average precision and AP at `prevalence`.

    The derivatives of the three with respect to the weight of each image, times that weight: for
    AUROC the placements of DeLong (1988), centred and scaled. ``out`` (3, n_units) must be zero.
    Images as in `sweep`; ``weight`` is per image, in the same order. Both classes must be present.
    """
    n = unit.size
    tp, fp = np.empty(n), np.empty(n)  # flagged at the image's score
    tie_p, tie_n = np.zeros(n), np.zeros(n)  # with the image's score
    hits = above = 0.0
    first = 0
    for i in range(n):
        tie_p[first] += weight[i] * positive[i]
        tie_n[first] += weight[i] * (not positive[i])
        if kind[i] != TIED:
            hits += tie_p[first]
            above += tie_n[first]
            for j in range(first, i + 1):
                tp[j], fp[j], tie_p[j], tie_n[j] = hits, above, tie_p[first], tie_n[first]
            first = i + 1
    m, k = hits, above
    a, c = prevalence / m, (1.0 - prevalence) / k
    area = ap = shifted = drift = 0.0
    for i in range(n):
        if kind[i] != TIED and tie_p[i] > 0:
            share = tie_p[i] / m
            flagged = a * tp[i] + c * fp[i]
            area += share * (k - fp[i] + 0.5 * tie_n[i]) / k
            ap += share * tp[i] / (tp[i] + fp[i])
            shifted += share * a * tp[i] / flagged
            drift += share * a * tp[i] * c * fp[i] / flagged**2
    up = down = up_t = down_f = 0.0  # sums over this score and all lower ones
    for i in range(n - 1, -1, -1):
        flagged = a * tp[i] + c * fp[i]
        if kind[i] != TIED and tie_p[i] > 0:
            share = tie_p[i] / m
            up += tie_p[i] * fp[i] / (tp[i] + fp[i]) ** 2
            down += tie_p[i] * tp[i] / (tp[i] + fp[i]) ** 2
            up_t += share * a * c * fp[i] / flagged**2
            down_f += share * a * c * tp[i] / flagged**2
        w, u = weight[i], unit[i]
        if positive[i]:
            out[0, u] += w * ((k - fp[i] + 0.5 * tie_n[i]) / k - area) / m
            out[1, u] += w * (tp[i] / (tp[i] + fp[i]) - ap + up) / m
            out[2, u] += w * ((a * tp[i] / flagged - shifted - drift) / m + up_t)
        else:
            out[0, u] += w * ((tp[i] - 0.5 * tie_p[i]) / m - area) / k
            out[1, u] -= w * down / m
            out[2, u] += w * (drift / k - down_f)
