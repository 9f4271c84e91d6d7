/* The GPT by hand: forward, backward and Adam for texts of any length up to 16 positions, in double precision.

   A matrix product runs along the contiguous axis, so that the compiler can use vector instructions without
   changing the order of a sum; for that the forward pass takes transposed copies of the weights. */

#include <math.h>
#include <string.h>

enum { WIDTH = 16, HEADS = 4, HEAD = 4, POSITIONS = 16, HIDDEN = 64, VOCABULARY = 27 };

typedef struct { /* in the order of problem.SHAPES */
    double token[VOCABULARY][WIDTH], position[POSITIONS][WIDTH];
    double query[WIDTH][WIDTH], key[WIDTH][WIDTH], value[WIDTH][WIDTH], output[WIDTH][WIDTH];
    double up[HIDDEN][WIDTH], down[WIDTH][HIDDEN], logits[VOCABULARY][WIDTH];
} Weights;

enum { PARAMETERS = sizeof(Weights) / sizeof(double) };

/* --- building blocks; n positions, and sizes that are constants wherever they are called ------------------ */

/* y = x Wᵀ */
static inline void linear(int n, int rows, int columns, const double *x, const double *w, double *y) {
    double transposed[HIDDEN * WIDTH];
    for (int o = 0; o < rows; o++)
        for (int i = 0; i < columns; i++) transposed[i * rows + o] = w[o * columns + i];
    for (int t = 0; t < n; t++) {
        double sum[HIDDEN] = {0};
        for (int i = 0; i < columns; i++)
            for (int o = 0; o < rows; o++) sum[o] += x[t * columns + i] * transposed[i * rows + o];
        for (int o = 0; o < rows; o++) y[t * rows + o] = sum[o];
    }
}

/* dW = dyᵀ x; dx += dy W */
static inline void linear_backward(int n, int rows, int columns, const double *x, const double *w, const double *dy,
                                   double *dw, double *dx) {
    for (int o = 0; o < rows; o++) {
        double sum[HIDDEN] = {0};
        for (int t = 0; t < n; t++)
            for (int i = 0; i < columns; i++) sum[i] += dy[t * rows + o] * x[t * columns + i];
        for (int i = 0; i < columns; i++) dw[o * columns + i] = sum[i];
    }
    for (int t = 0; t < n; t++) {
        double sum[HIDDEN];
        for (int i = 0; i < columns; i++) sum[i] = dx[t * columns + i];
        for (int o = 0; o < rows; o++)
            for (int i = 0; i < columns; i++) sum[i] += dy[t * rows + o] * w[o * columns + i];
        for (int i = 0; i < columns; i++) dx[t * columns + i] = sum[i];
    }
}

static inline void rmsnorm(int n, const double x[][WIDTH], double y[][WIDTH], double *scale) {
    for (int t = 0; t < n; t++) {
        double squares = 0;
        for (int i = 0; i < WIDTH; i++) squares += x[t][i] * x[t][i];
        scale[t] = 1 / sqrt(squares / WIDTH + 1e-5);
        for (int i = 0; i < WIDTH; i++) y[t][i] = x[t][i] * scale[t];
    }
}

/* dx += scale (dy − y mean(dy y)) */
static inline void rmsnorm_backward(int n, const double dy[][WIDTH], const double y[][WIDTH], const double *scale,
                                    double dx[][WIDTH]) {
    for (int t = 0; t < n; t++) {
        double mean = 0;
        for (int i = 0; i < WIDTH; i++) mean += dy[t][i] * y[t][i];
        mean /= WIDTH;
        for (int i = 0; i < WIDTH; i++) dx[t][i] += scale[t] * (dy[t][i] - y[t][i] * mean);
    }
}

static inline void softmax(int n, double *z) {
    double top = z[0], total = 0;
    for (int i = 1; i < n; i++) top = z[i] > top ? z[i] : top;
    for (int i = 0; i < n; i++) total += z[i] = exp(z[i] - top);
    for (int i = 0; i < n; i++) z[i] /= total;
}

/* --- one text ------------------------------------------------------------------------------------------- */

/* Writes the gradient into g and returns the loss; text has n + 1 tokens. */
double gradient(const Weights *w, Weights *g, const int *text, int n) {
    double e[POSITIONS][WIDTH], x[POSITIONS][WIDTH], y[POSITIONS][WIDTH], r[POSITIONS][WIDTH], s[POSITIONS][WIDTH];
    double q[POSITIONS][WIDTH], k[POSITIONS][WIDTH], v[POSITIONS][WIDTH], a[POSITIONS][WIDTH] = {0};
    double share[HEADS][POSITIONS][POSITIONS], h[POSITIONS][HIDDEN], o[POSITIONS][WIDTH], p[POSITIONS][VOCABULARY];
    double scale_x[POSITIONS], scale_y[POSITIONS], scale_s[POSITIONS], loss = 0;

    for (int t = 0; t < n; t++)
        for (int i = 0; i < WIDTH; i++) e[t][i] = w->token[text[t]][i] + w->position[t][i];
    rmsnorm(n, e, x, scale_x);
    rmsnorm(n, x, y, scale_y);
    linear(n, WIDTH, WIDTH, *y, *w->query, *q);
    linear(n, WIDTH, WIDTH, *y, *w->key, *k);
    linear(n, WIDTH, WIDTH, *y, *w->value, *v);
    for (int c = 0; c < HEADS; c++)
        for (int t = 0; t < n; t++) {
            for (int u = 0; u <= t; u++) {
                double score = 0;
                for (int j = c * HEAD; j < (c + 1) * HEAD; j++) score += q[t][j] * k[u][j];
                share[c][t][u] = score / 2; /* the root of HEAD */
            }
            softmax(t + 1, share[c][t]);
            for (int u = 0; u <= t; u++)
                for (int j = c * HEAD; j < (c + 1) * HEAD; j++) a[t][j] += share[c][t][u] * v[u][j];
        }
    linear(n, WIDTH, WIDTH, *a, *w->output, *r);
    for (int t = 0; t < n; t++)
        for (int i = 0; i < WIDTH; i++) r[t][i] += x[t][i];
    rmsnorm(n, r, s, scale_s);
    linear(n, HIDDEN, WIDTH, *s, *w->up, *h);
    for (int t = 0; t < n; t++)
        for (int i = 0; i < HIDDEN; i++) h[t][i] = h[t][i] > 0 ? h[t][i] : 0;
    linear(n, WIDTH, HIDDEN, *h, *w->down, *o);
    for (int t = 0; t < n; t++)
        for (int i = 0; i < WIDTH; i++) o[t][i] += r[t][i];
    linear(n, VOCABULARY, WIDTH, *o, *w->logits, *p);
    for (int t = 0; t < n; t++) {
        softmax(VOCABULARY, p[t]);
        loss -= log(p[t][text[t + 1]]);
    }

    /* backward: d… is the derivative of the loss with respect to …; dr and dx begin as the residual's part */
    double dr[POSITIONS][WIDTH] = {0}, ds[POSITIONS][WIDTH] = {0}, da[POSITIONS][WIDTH] = {0};
    double dq[POSITIONS][WIDTH] = {0}, dk[POSITIONS][WIDTH] = {0}, dv[POSITIONS][WIDTH] = {0};
    double dy[POSITIONS][WIDTH] = {0}, de[POSITIONS][WIDTH] = {0}, dh[POSITIONS][HIDDEN] = {0};

    for (int t = 0; t < n; t++) {
        p[t][text[t + 1]] -= 1;
        for (int i = 0; i < VOCABULARY; i++) p[t][i] /= n;
    }
    linear_backward(n, VOCABULARY, WIDTH, *o, *w->logits, *p, *g->logits, *dr);
    linear_backward(n, WIDTH, HIDDEN, *h, *w->down, *dr, *g->down, *dh);
    for (int t = 0; t < n; t++)
        for (int i = 0; i < HIDDEN; i++) dh[t][i] = h[t][i] > 0 ? dh[t][i] : 0;
    linear_backward(n, HIDDEN, WIDTH, *s, *w->up, *dh, *g->up, *ds);
    rmsnorm_backward(n, ds, s, scale_s, dr);
    linear_backward(n, WIDTH, WIDTH, *a, *w->output, *dr, *g->output, *da);
    for (int c = 0; c < HEADS; c++)
        for (int t = 0; t < n; t++) {
            double dshare[POSITIONS], mean = 0;
            for (int u = 0; u <= t; u++) {
                dshare[u] = 0;
                for (int j = c * HEAD; j < (c + 1) * HEAD; j++) {
                    dshare[u] += da[t][j] * v[u][j];
                    dv[u][j] += share[c][t][u] * da[t][j];
                }
                mean += share[c][t][u] * dshare[u];
            }
            for (int u = 0; u <= t; u++) {
                double dscore = share[c][t][u] * (dshare[u] - mean) / 2;
                for (int j = c * HEAD; j < (c + 1) * HEAD; j++) {
                    dq[t][j] += dscore * k[u][j];
                    dk[u][j] += dscore * q[t][j];
                }
            }
        }
    linear_backward(n, WIDTH, WIDTH, *y, *w->query, *dq, *g->query, *dy);
    linear_backward(n, WIDTH, WIDTH, *y, *w->key, *dk, *g->key, *dy);
    linear_backward(n, WIDTH, WIDTH, *y, *w->value, *dv, *g->value, *dy);
    rmsnorm_backward(n, dy, y, scale_y, dr);
    rmsnorm_backward(n, dr, x, scale_x, de);
    memset(g->token, 0, sizeof g->token);
    memset(g->position, 0, sizeof g->position);
    for (int t = 0; t < n; t++)
        for (int i = 0; i < WIDTH; i++) {
            g->token[text[t]][i] += de[t][i];
            g->position[t][i] = de[t][i];
        }
    return loss / n;
}

/* --- training ------------------------------------------------------------------------------------------- */

/* Steps of Adam on the texts in turn; each text fills 17 places, step says how many steps were done before. */
void train(double *theta, double *m, double *v, const int *texts, const int *lengths, int number, int step, int steps) {
    double g[PARAMETERS];
    const double rate = 0.01, beta1 = 0.85, beta2 = 0.99, epsilon = 1e-8;
    for (int t = step + 1; t <= step + steps; t++) {
        int which = (t - 1) % number;
        gradient((Weights *)theta, (Weights *)g, texts + which * (POSITIONS + 1), lengths[which]);
        double rest1 = 1 - pow(beta1, t), rest2 = 1 - pow(beta2, t);
        for (int i = 0; i < PARAMETERS; i++) {
            m[i] = beta1 * m[i] + (1 - beta1) * g[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
            theta[i] -= rate * (m[i] / rest1) / (sqrt(v[i] / rest2) + epsilon);
        }
    }
}
