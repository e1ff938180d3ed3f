"""Small problems with known geometry: valleys, quadratics, spirals, sensing, the coupling dial."""
