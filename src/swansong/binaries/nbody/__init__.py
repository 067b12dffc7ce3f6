"""N-body mergers of galaxies with two black holes: direct summation outside, regularised motion inside."""
