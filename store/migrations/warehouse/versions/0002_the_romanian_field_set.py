"""Listings know the Romanian field set, and whether the partner deleted them."""

import sqlalchemy as sa
from alembic import op

import store.tables.columns

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

PARTIES = ('core_agencies', 'core_agents')
LISTINGS = ('core_listings', 'core_listing_versions')


def party_columns() -> list[sa.Column]:
    return [sa.Column('former_name', sa.Text(), nullable=True, comment='name it had before, as posted')]


def listing_columns() -> list[sa.Column]:
    return [
        sa.Column('built_area_m2', sa.Double(), nullable=True, comment='built area as posted, walls included'),
        sa.Column('land_area_m2', sa.Double(), nullable=True, comment='area of the plot as posted'),
        sa.Column('balcony_area_m2', sa.Double(), nullable=True, comment='area of balconies and terraces as posted'),
        sa.Column('bathrooms', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='number of bathrooms'),
        sa.Column('energy_class', sa.Text(), nullable=True, comment='class on the energy certificate, A+ to G'),
        sa.Column('heating', sa.Text(), nullable=True, comment='where the heat comes from'),
        sa.Column('furnished', sa.Text(), nullable=True, comment='how far it is furnished'),
        sa.Column('is_new_build', sa.Boolean(), nullable=True, comment='sold or let for the first time, as posted'),
        sa.Column('construction_stage', sa.Text(), nullable=True, comment='how far the building is built'),
        sa.Column('building_type', sa.Text(), nullable=True, comment='what stands around the home'),
        sa.Column('structure', sa.Text(), nullable=True, comment='what carries the building'),
        sa.Column('parking', sa.Text(), nullable=True, comment='the best place for a car that comes with it'),
        sa.Column('parking_spaces', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='places for cars that come with it'),
        sa.Column('is_vat_included', sa.Boolean(), nullable=True, comment='whether `price` holds the VAT, as posted'),
        sa.Column('commission_pct', sa.Double(), nullable=True, comment='commission of the buyer or tenant, % of the price'),
        sa.Column('street', sa.Text(), nullable=True, comment='street as posted, without the number'),
        sa.Column('street_number', sa.Text(), nullable=True, comment='number in the street as posted'),
        sa.Column('block', sa.Text(), nullable=True, comment='block as posted (bloc)'),
        sa.Column('staircase', sa.Text(), nullable=True, comment='staircase as posted (scara)'),
        sa.Column('postal_code', sa.Text(), nullable=True, comment='postal code as posted'),
        sa.Column('neighbourhood', sa.Text(), nullable=True, comment="neighbourhood as posted; the zone is the places' to say"),
        sa.Column('city', sa.Text(), nullable=True, comment='city, town or commune as posted'),
        sa.Column('county', sa.Text(), nullable=True, comment='county as posted'),
        sa.Column('country', sa.Text(), nullable=True, comment='country as posted'),
        sa.Column('ownership_documents', sa.Text(), nullable=True, comment='papers the seller holds, as one JSON array of codes'),
        sa.Column('is_exact_hidden', sa.Boolean(), nullable=True, comment='the partner asks that the exact point be shown to nobody'),
        sa.Column('deleted_at', store.tables.columns.Instant(timezone=True), nullable=True, comment='when the partner deleted it; null while it is there'),
        sa.Column('deletion_reason', sa.Text(), nullable=True, comment="the partner's reason: withdrawn, sold, rented or expired"),
    ]


def upgrade() -> None:
    for tables, columns in ((PARTIES, party_columns), (LISTINGS, listing_columns)):
        for table in tables:
            for column in columns():
                op.add_column(table, column)


def downgrade() -> None:
    for tables, columns in ((PARTIES, party_columns), (LISTINGS, listing_columns)):
        for table in tables:
            for column in reversed(columns()):
                op.drop_column(table, column.name)
