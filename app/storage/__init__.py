"""Where interviews are kept: SQLite, or MariaDB through pymysql."""
