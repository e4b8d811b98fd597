import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.apache.spark.sql.SparkSession;

/** Asks Spark: the catalog's address, the folder of the warehouse, then queries; a line of JSON for each row, a blank line after each query. */
class Spark {
    public static void main(String[] given) throws IOException {
        SparkSession spark = SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.catalog.sarkmeli", "org.apache.iceberg.spark.SparkCatalog")
            .config("spark.sql.catalog.sarkmeli.type", "jdbc")
            .config("spark.sql.catalog.sarkmeli.uri", given[0])
            .config("spark.sql.catalog.sarkmeli.warehouse", given[1])
            .config("spark.sql.catalog.sarkmeli.jdbc.init-catalog-tables", "false")
            .getOrCreate();
        StringBuilder told = new StringBuilder();
        for (String query : List.of(given).subList(3, given.length)) {
            for (String row : spark.sql(query).toJSON().collectAsList()) {
                told.append(row).append('\n');
            }
            told.append('\n');
        }
        Files.writeString(Path.of(given[2]), told);
        spark.stop();
    }
}
