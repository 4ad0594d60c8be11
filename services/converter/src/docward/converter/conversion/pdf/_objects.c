/* The objects of a PDF page in one call: what objects.py asks PDFium for one by one, with the same answer.
 *
 * PDFium is the library that pypdfium2 has loaded; its functions come as addresses, so nothing of it is needed to build
 * this. The caller answers for the handles: page and text page stay open during the call. What PDFium answers is checked
 * here: counts, indexes, sizes. Nothing is kept from one call to the next but the addresses.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* --- PDFium: the functions that are called, in the order in which objects.py names them ---------------------------- */

typedef struct { float a, b, c, d, e, f; } FloatMatrix;

static struct {
    int (*page_count)(void *);
    void *(*page_object)(void *, int);
    int (*form_count)(void *);
    void *(*form_object)(void *, unsigned long);
    int (*type)(void *);
    int (*matrix)(void *, FloatMatrix *);
    int (*bounds)(void *, float *, float *, float *, float *);
    void *(*font)(void *);
    int (*font_size)(void *, float *);
    unsigned long (*object_text)(void *, void *, char *, unsigned long);
    size_t (*font_name)(void *, char *, size_t);
    int (*font_flags)(void *);
    int (*font_weight)(void *);
    int (*draw_mode)(void *, int *, int *);
    int (*segment_count)(void *);
    void *(*segment)(void *, int);
    int (*segment_point)(void *, float *, float *);
    int (*segment_type)(void *);
    int (*segment_close)(void *);
    int (*char_count)(void *);
    void *(*char_object)(void *, int);
    unsigned int (*char_unicode)(void *, int);
    int (*char_generated)(void *, int);
    int (*char_box)(void *, int, double *, double *, double *, double *);
} pdfium;

enum { FUNCTIONS = sizeof pdfium / sizeof(void *) };
enum { TEXT = 1, PATH = 2, IMAGE = 3, FORM = 5 };   /* FPDF_PAGEOBJ_… */
enum { LINE_TO = 0, MOVE_TO = 2 };                  /* FPDF_SEGMENT_… */
enum { MAX_DEPTH = 8, MAX_OBJECTS = 200000, MAX_SEGMENTS = 2000 };

/* --- geometry ------------------------------------------------------------------------------------------------------ */

typedef struct { double a, b, c, d, e, f; } Matrix;
typedef struct { double x, y; } Point;
typedef struct { double x0, y0, x1, y1; } Box;

static const Matrix IDENTITY = {1, 0, 0, 1, 0, 0};

/* First `m`, then `n`. */
static Matrix times(Matrix m, const Matrix *n) {
    return (Matrix){m.a * n->a + m.b * n->c, m.a * n->b + m.b * n->d, m.c * n->a + m.d * n->c,
                    m.c * n->b + m.d * n->d, m.e * n->a + m.f * n->c + n->e, m.e * n->b + m.f * n->d + n->f};
}

static Point apply(const Matrix *m, double x, double y) {
    return (Point){m->a * x + m->c * y + m->e, m->b * x + m->d * y + m->f};
}

static double least(double one, double other) { return other < one ? other : one; }
static double most(double one, double other) { return other > one ? other : one; }

static Matrix matrix_of(void *object) {
    FloatMatrix m;
    if (!pdfium.matrix(object, &m)) return IDENTITY;
    return (Matrix){m.a, m.b, m.c, m.d, m.e, m.f};
}

static int box_of(void *object, const Matrix *outer, Box *box) {
    float left, bottom, right, top;
    if (!pdfium.bounds(object, &left, &bottom, &right, &top)) return 0;
    Point one = apply(outer, left, bottom), other = apply(outer, right, top);
    *box = (Box){least(one.x, other.x), least(one.y, other.y), most(one.x, other.x), most(one.y, other.y)};
    return isfinite(box->x0) && isfinite(box->y0) && isfinite(box->x1) && isfinite(box->y1);
}

/* --- one page ------------------------------------------------------------------------------------------------------ */

typedef struct {
    void *object;
    Matrix outer;
    int32_t first, last;    /* of its characters; -1: it has none */
    int blanks;             /* there are some between its characters */
    int odd;                /* they are not simply one after the other: `asked` */
} Text;

typedef struct {
    void *text_page;
    Text *texts, **sorted;              /* `sorted`: by the addresses of their objects */
    Py_ssize_t count, room;
    uint32_t *chars;
    int32_t length;
    PyObject *Run, *Rule, *style;       /* borrowed */
    double thin, wide, left, area, image_area;
    int divides;
    PyObject *runs, *parts, *rules, *rotated, *styles;
} Page;

/* Takes over the reference to `item`, which may be NULL after an error. */
static int append(PyObject *list, PyObject *item) {
    int failed = item == NULL || PyList_Append(list, item);
    Py_XDECREF(item);
    return failed ? -1 : 0;
}

static int add_rule(Page *page, double x0, double y0, double x1, double y1) {
    if (x1 - x0 >= 3 && x1 - x0 > 2 * (y1 - y0)) y0 = y1 = (y0 + y1) / 2;
    else if (y1 - y0 >= 6) x0 = x1 = (x0 + x1) / 2;
    else return 0;
    return append(page->rules, PyObject_CallFunction(page->Rule, "dddd", x0, y0, x1, y1));
}

static int add_straight(Page *page, Point one, Point other) {
    double x0 = least(one.x, other.x), x1 = most(one.x, other.x);
    double y0 = least(one.y, other.y), y1 = most(one.y, other.y);
    if (!(y1 - y0 <= 1 || x1 - x0 <= 1)) return 0;
    return add_rule(page, x0, y0, x1, y1);
}

static int add_segments(Page *page, void *object, const Matrix *matrix) {
    Point first = {0, 0}, last = {0, 0};
    int count = pdfium.segment_count(object);
    for (int at = 0; at < count && at < MAX_SEGMENTS; at++) {
        void *segment = pdfium.segment(object, at);
        float x, y;
        if (segment == NULL || !pdfium.segment_point(segment, &x, &y)) continue;
        Point point = apply(matrix, x, y);
        if (!isfinite(point.x) || !isfinite(point.y)) continue;
        int type = pdfium.segment_type(segment);
        if (type == MOVE_TO) first = point;
        else if (type == LINE_TO && add_straight(page, last, point)) return -1;
        if (pdfium.segment_close(segment) && add_straight(page, point, first)) return -1;
        last = point;
    }
    return 0;
}

static int add_path(Page *page, void *object, const Matrix *outer) {
    Box box;
    int mode, stroke;
    if (!box_of(object, outer, &box)) return 0;
    if (box.y1 - box.y0 <= page->thin || box.x1 - box.x0 <= page->thin)
        return add_rule(page, box.x0, box.y0, box.x1, box.y1);
    if (!pdfium.draw_mode(object, &mode, &stroke) || !stroke) return 0;
    Matrix matrix = times(matrix_of(object), outer);
    return add_segments(page, object, &matrix);
}

static void add_image(Page *page, void *object, const Matrix *outer) {
    Box box;
    if (box_of(object, outer, &box))
        page->image_area = most(page->image_area, least((box.x1 - box.x0) * (box.y1 - box.y0) / page->area, 1));
}

static int add_text(Page *page, void *object, const Matrix *outer) {
    if (page->count == page->room) {
        Py_ssize_t room = page->room ? 2 * page->room : 256;
        Text *texts = PyMem_Realloc(page->texts, (size_t)room * sizeof *texts);
        if (texts == NULL) { PyErr_NoMemory(); return -1; }
        page->texts = texts;
        page->room = room;
    }
    page->texts[page->count++] = (Text){.object = object, .outer = *outer, .first = -1, .last = -1};
    return 0;
}

/* The object, or what is in it where it is a form; texts are noted, the rest is answered at once. */
static int add_object(Page *page, void *object, const Matrix *outer, int depth) {
    if (object == NULL) return 0;
    switch (pdfium.type(object)) {
    case TEXT: return add_text(page, object, outer);
    case PATH: return add_path(page, object, outer);
    case IMAGE: add_image(page, object, outer); return 0;
    case FORM: break;
    default: return 0;
    }
    if (depth >= MAX_DEPTH) return 0;
    Matrix inner = times(matrix_of(object), outer);
    int count = pdfium.form_count(object);
    for (int at = 0; at < count && at < MAX_OBJECTS; at++)
        if (add_object(page, pdfium.form_object(object, (unsigned long)at), &inner, depth + 1)) return -1;
    return 0;
}

/* --- the characters of the texts ----------------------------------------------------------------------------------- */

static int by_address(const void *one, const void *other) {
    uintptr_t a = (uintptr_t)(*(Text *const *)one)->object, b = (uintptr_t)(*(Text *const *)other)->object;
    return (a > b) - (a < b);
}

static int is_character(uint32_t code) { return code < 0xd800 || (0xe000 <= code && code <= 0x10ffff); }

/* Every text learns which characters of the text page are its own. They follow each other, a blank that PDFium adds
 * between two of them counted in, unless the text is odd. */
static int find_characters(Page *page) {
    int count = pdfium.char_count(page->text_page);
    if (count <= 0 || page->count == 0) return 0;
    page->length = count;
    page->chars = PyMem_Malloc((size_t)count * sizeof *page->chars);
    page->sorted = PyMem_Malloc((size_t)page->count * sizeof *page->sorted);
    if (page->chars == NULL || page->sorted == NULL) { PyErr_NoMemory(); return -1; }
    for (Py_ssize_t at = 0; at < page->count; at++) page->sorted[at] = &page->texts[at];
    qsort(page->sorted, (size_t)page->count, sizeof *page->sorted, by_address);
    Text *text = page->texts;
    for (int32_t at = 0; at < count; at++) {
        uint32_t one = page->chars[at] = pdfium.char_unicode(page->text_page, at);
        Text wanted = {.object = pdfium.char_object(page->text_page, at)}, *key = &wanted;
        if (text->object != wanted.object) {
            Text **found = bsearch(&key, page->sorted, (size_t)page->count, sizeof key, by_address);
            if (found == NULL) continue;
            text = *found;
        }
        text->odd |= one == 0 || !is_character(one);
        if (text->first < 0) text->first = at;
        else if (page->chars[at - 1] == ' ') text->blanks = 1, text->odd |= text->last < at - 2;
        else text->odd |= text->last < at - 1;
        text->last = at;
    }
    return 0;
}

static PyObject *characters(const Page *page, int32_t first, int32_t end) {
    return PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, page->chars + first, end - first);
}

/* The characters that are the object's own, those without a meaning too. */
static PyObject *own_characters(const Page *page, const Text *text) {
    uint32_t *own = PyMem_Malloc((size_t)(text->last - text->first + 1) * sizeof *own);
    if (own == NULL) return PyErr_NoMemory();
    Py_ssize_t count = 0;
    for (int32_t at = text->first; at <= text->last; at++)
        if (pdfium.char_object(page->text_page, at) == text->object && !pdfium.char_generated(page->text_page, at)
            && is_character(page->chars[at]))
            own[count++] = page->chars[at];
    PyObject *found = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, own, count);
    PyMem_Free(own);
    return found;
}

/* The text as PDFium puts it together, decoded as Python does it, with U+FFFD for what is no character. */
static PyObject *asked(const Page *page, void *object) {
    int little_endian = -1;
    unsigned long size = pdfium.object_text(object, page->text_page, NULL, 0);
    char *units = PyMem_Calloc(size + 1, 1);
    if (units == NULL) return PyErr_NoMemory();
    pdfium.object_text(object, page->text_page, units, size);
    PyObject *text = PyUnicode_DecodeUTF16(units, size < 2 ? 0 : (Py_ssize_t)size - 2, "replace", &little_endian);
    PyMem_Free(units);
    return text;
}

/* `style[3]` spells the text: characters and what they are in it. Takes over the reference to `text`. */
static PyObject *spelled(PyObject *text, PyObject *style) {
    if (text == NULL) return NULL;
    int plain = PyUnicode_IS_ASCII(text) && PyTuple_GET_ITEM(style, 4) == Py_False;
    for (Py_ssize_t at = 0; plain && at < PyUnicode_GET_LENGTH(text); at++) {
        Py_UCS4 one = PyUnicode_READ_CHAR(text, at);
        plain = one >= ' ' && one < 0x7f;
    }
    PyObject *found = plain ? Py_NewRef(text) : PyUnicode_Translate(text, PyTuple_GET_ITEM(style, 3), NULL);
    Py_DECREF(text);
    return found;
}

static int is_blank(PyObject *text) {
    for (Py_ssize_t at = 0; at < PyUnicode_GET_LENGTH(text); at++)
        if (!Py_UNICODE_ISSPACE(PyUnicode_READ_CHAR(text, at))) return 0;
    return 1;
}

/* What `page->style` says of the font; borrowed. */
static PyObject *style_of(Page *page, void *font) {
    PyObject *key = PyLong_FromVoidPtr(font), *style = key ? PyDict_GetItemWithError(page->styles, key) : NULL;
    if (style == NULL && !PyErr_Occurred()) {
        size_t size = pdfium.font_name(font, NULL, 0);
        char *name = PyMem_Calloc(size + 1, 1);
        if (name != NULL) pdfium.font_name(font, name, size);
        PyObject *found = name == NULL ? PyErr_NoMemory() : PyObject_CallFunction(
            page->style, "yii", name, pdfium.font_flags(font), pdfium.font_weight(font));
        PyMem_Free(name);
        if (found != NULL && (!PyTuple_Check(found) || PyTuple_GET_SIZE(found) != 5))
            PyErr_SetString(PyExc_TypeError, "a style is a tuple of five");
        else if (found != NULL && !PyDict_SetItem(page->styles, key, found))
            style = found;              /* the dictionary holds it */
        Py_XDECREF(found);
    }
    Py_XDECREF(key);
    return style;
}

/* Where the text has wide gaps: its parts, each (text, x0, x1), by the place of its run. */
static int add_parts(Page *page, const Text *text, int32_t end, PyObject *style, double size, double x0, double x1) {
    PyObject *parts = PyList_New(0), *run = PyLong_FromSsize_t(PyList_GET_SIZE(page->runs) - 1);
    int32_t start = text->first, last = text->last;
    int failed = parts == NULL || run == NULL;
    while (last > start && page->chars[last] == ' ') last--;
    for (int32_t at = start + 2; at <= last && !failed; at++) {
        double before, after, unused;
        if (page->chars[at - 1] != ' ' || at - 1 <= start
            || !pdfium.char_box(page->text_page, at - 2, &unused, &before, &unused, &unused)
            || !pdfium.char_box(page->text_page, at, &after, &unused, &unused, &unused)
            || !(after - before > page->wide * size))
            continue;
        PyObject *words = spelled(characters(page, start, at - 1), style);
        failed = append(parts, Py_BuildValue("Ndd", words, x0, before - page->left));
        start = at;
        x0 = after - page->left;
    }
    if (!failed && PyList_GET_SIZE(parts)) {
        PyObject *words = spelled(characters(page, start, end), style);
        failed = append(parts, Py_BuildValue("Ndd", words, x0, x1)) || PyDict_SetItem(page->parts, run, parts);
    }
    Py_XDECREF(run);
    Py_XDECREF(parts);
    return failed ? -1 : 0;
}

static int add_run(Page *page, const Text *text) {
    void *object = text->object;
    Box box;
    float own_size = 0;
    if (text->first < 0) return 0;
    PyObject *style = style_of(page, pdfium.font(object));
    if (style == NULL) return -1;
    int32_t end = text->last + 1;
    if (end < page->length && page->chars[end] == ' ') end++;   /* PDFium's own blank behind it */
    int bare = PyTuple_GET_ITEM(style, 4) == Py_True;
    PyObject *words = spelled(
        bare ? own_characters(page, text) : text->odd ? asked(page, object) : characters(page, text->first, end), style);
    if (words == NULL) return -1;
    Matrix m = times(matrix_of(object), &text->outer);
    pdfium.font_size(object, &own_size);
    double size = own_size * sqrt(m.c * m.c + m.d * m.d);
    int failed = 0;
    if (is_blank(words) || !box_of(object, &text->outer, &box) || !(0.1 < size && size < 1000)) goto done;
    if (fabs(m.b) > fabs(m.a) * 0.2 || m.a < 0) { failed = PyList_Append(page->rotated, words); goto done; }
    double base = box.y0 - size < m.f && m.f < box.y1 + size ? m.f : box.y0;
    double x0 = fabs(box.x0 - m.e) < size ? least(box.x0, m.e) : box.x0;
    failed = append(page->runs, PyObject_CallFunction(
        page->Run, "OddddddOOO", words, x0, box.y0, box.x1, box.y1, base, size,
        PyTuple_GET_ITEM(style, 0), PyTuple_GET_ITEM(style, 1), PyTuple_GET_ITEM(style, 2)));
    if (!failed && page->divides && text->blanks && !text->odd && !bare)
        failed = add_parts(page, text, end, style, size, x0, box.x1);
done:
    Py_DECREF(words);
    return failed ? -1 : 0;
}

/* --- what Python calls --------------------------------------------------------------------------------------------- */

static PyObject *filled(Page *page, void *handle, const Matrix *turn) {
    int count = pdfium.page_count(handle);
    for (int at = 0; at < count && at < MAX_OBJECTS; at++)
        if (add_object(page, pdfium.page_object(handle, at), turn, 0)) return NULL;
    if (find_characters(page)) return NULL;
    for (Py_ssize_t at = 0; at < page->count; at++)
        if (add_run(page, &page->texts[at])) return NULL;
    return Py_BuildValue("OOOdO", page->runs, page->rules, page->rotated, page->image_area, page->parts);
}

static PyObject *read_page(PyObject *Py_UNUSED(module), PyObject *arguments) {
    Page page = {0};
    Matrix turn;
    unsigned long long handle, text_page;
    if (!PyArg_ParseTuple(arguments, "KK(dddddd)ddddpOOO", &handle, &text_page, &turn.a, &turn.b, &turn.c, &turn.d,
                          &turn.e, &turn.f, &page.left, &page.area, &page.thin, &page.wide, &page.divides, &page.style,
                          &page.Run, &page.Rule))
        return NULL;
    if (pdfium.page_count == NULL || handle == 0 || text_page == 0) {
        PyErr_SetString(PyExc_ValueError, "no page, or not connected to PDFium");
        return NULL;
    }
    page.text_page = (void *)(uintptr_t)text_page;
    PyObject *found = NULL;
    page.runs = PyList_New(0), page.rules = PyList_New(0), page.rotated = PyList_New(0);
    page.parts = PyDict_New(), page.styles = PyDict_New();
    if (page.runs && page.rules && page.rotated && page.parts && page.styles)
        found = filled(&page, (void *)(uintptr_t)handle, &turn);
    Py_XDECREF(page.runs), Py_XDECREF(page.rules), Py_XDECREF(page.rotated);
    Py_XDECREF(page.parts), Py_XDECREF(page.styles);
    PyMem_Free(page.texts), PyMem_Free(page.sorted), PyMem_Free(page.chars);
    return found;
}

static PyObject *connect(PyObject *Py_UNUSED(module), PyObject *addresses) {
    void *found[FUNCTIONS];
    if (!PyTuple_Check(addresses) || PyTuple_GET_SIZE(addresses) != FUNCTIONS)
        return PyErr_Format(PyExc_ValueError, "a tuple of %d addresses is needed", FUNCTIONS);
    for (Py_ssize_t at = 0; at < FUNCTIONS; at++) {
        found[at] = PyLong_AsVoidPtr(PyTuple_GET_ITEM(addresses, at));
        if (found[at] == NULL)
            return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "an address is null");
    }
    memcpy(&pdfium, found, sizeof pdfium);
    Py_RETURN_NONE;
}

static PyMethodDef METHODS[] = {
    {"connect", connect, METH_O, "Learn the addresses of PDFium's functions, in the order of objects.FUNCTIONS."},
    {"read", read_page, METH_VARARGS, "The objects of a page, as objects.read answers them."},
    {0},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "_objects", .m_size = -1, .m_methods = METHODS,
};

PyMODINIT_FUNC PyInit__objects(void) { return PyModule_Create(&MODULE); }
