#include "criterion/criterion.h" /* cr_log_warn is there */
