"""Settings of what works on a machine of its own: production asks for what concerns it, and for no other secret."""

from __future__ import annotations

from sarkmeli.settings import Settings


class WarehouseAlone(Settings):
    """For who collects, tidies, or tells figures: it speaks to Kafka and to the warehouse, and opens nothing sealed."""

    def unfit_for_production(self) -> list[str]:
        """An open way to the brokers or to the catalog."""
        return self.kafka_unfit_to_read() + self.warehouse_unfit_for_production()


class MirrorAlone(Settings):
    """For who keeps read models elsewhere: it speaks to Kafka and to the mirror's database."""

    def unfit_for_production(self) -> list[str]:
        """An open way to the brokers; no database."""
        wrong = [] if self.mirror_database_url is not None else ["SARKMELI_MIRROR_DATABASE_URL is empty"]
        return wrong + self.kafka_unfit_to_read()
