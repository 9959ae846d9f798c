/* The threshold of two classes: what follows from it is worked out here, from counts at 101 thresholds. */

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.learning = {
    /* Fill every figure that hangs on the threshold, and put the mark of the curves where it is. */
    cut(value, table, curves) {
        const [parts] = window.dash_clientside.callback_context.outputs_list;
        const at = Math.round((value ?? 0.5) * 100);
        const [tp, fp, tn, fn] = ["tp", "fp", "tn", "fn"].map((name) => table[name][at]);
        const share = (of, whole) => (whole > 0 ? of / whole : null);
        const f1 = (hit, one, two) => share(2 * hit, 2 * hit + one + two);
        const percent = (part) => {
            if (part === null) {
                return "–";
            }
            return `${part === 0 || part === 1 ? 100 * part : (100 * part).toFixed(1)}\u2009%`;
        };
        const score = (part) => (part === null ? "–" : part.toFixed(3));
        const count = (number) => number.toLocaleString("en");
        const [found, spared] = [share(tp, tp + fn), share(tn, tn + fp)];
        const all = tp + fp + tn + fn;
        const said = {
            tp: count(tp), fp: count(fp), tn: count(tn), fn: count(fn),
            "tp-share": percent(found), "fn-share": percent(share(fn, tp + fn)),
            "tn-share": percent(spared), "fp-share": percent(share(fp, tn + fp)),
            "precision-yes": score(share(tp, tp + fp)), "recall-yes": score(found), "f1-yes": score(f1(tp, fp, fn)),
            "precision-no": score(share(tn, tn + fn)), "recall-no": score(spared), "f1-no": score(f1(tn, fn, fp)),
            at: (at / 100).toFixed(2),
            accuracy: score(share(tp + tn, all)),
            balanced: score(found === null || spared === null ? null : (found + spared) / 2),
            said: percent(share(tp + fp, all)),
        };
        const points = {
            roc: [share(fp, fp + tn), found],
            pr: [found, share(tp, tp + fp)],
        };
        const kinds = window.dash_clientside.callback_context.outputs_list[1].map((each) => each.id.kind);
        const moved = curves.map((figure, place) => {
            const [x, y] = points[kinds[place]];
            const data = figure.data.slice();
            data[data.length - 1] = { ...data.at(-1), x: y === null ? [] : [x], y: y === null ? [] : [y] };
            return { ...figure, data };
        });
        return [parts.map((each) => said[each.id.part]), moved];
    },
};
