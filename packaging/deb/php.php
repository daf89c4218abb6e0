mod debian/tmp/etc/php/@PHP@/mods-available/gearman_rs.ini
