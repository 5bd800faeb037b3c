-- The platform's vocabularies, with their French labels. A programme gets its
-- own copy of the terms when it is opened; the labels are then its own.
--
-- The extensible ones are plural: a programme adds terms to them. The others
-- are the enumerations of the contract, named as what they are the values of.

SET search_path = gusp, public;

-- Give every programme the platform's terms that it does not have yet. What a
-- later migration ends with when it has added terms.
CREATE PROCEDURE spread_terms()
LANGUAGE sql AS $$
    INSERT INTO gusp.term (programme_id, vocabulary, code, parent_code, label_fr,
        label_fr_plain, definition_fr, position)
    SELECT p.id, t.vocabulary, t.code, t.parent_code, t.label_fr,
           t.label_fr_plain, t.definition_fr, t.position
    FROM gusp.programme AS p
    CROSS JOIN gusp.term AS t
    WHERE t.programme_id IS NULL
      AND NOT EXISTS (SELECT FROM gusp.term AS own
                      WHERE own.tenant = p.id AND own.vocabulary = t.vocabulary AND own.code = t.code)
$$;
REVOKE EXECUTE ON PROCEDURE spread_terms() FROM gusp_member, gusp_auditor, gusp_admin;

INSERT INTO vocabulary (name, label_fr, extensible, parent_vocabulary) VALUES
    ('themes', 'Thèmes', true, 'themes'),
    ('categories', 'Catégories de constats', true, 'themes'),
    ('components', 'Éléments concernés', true, 'categories'),
    ('target_publics', 'Publics visés', true, NULL),
    ('actor_kind', 'Types d’acteurs', false, NULL),
    ('role', 'Rôles dans le programme', false, NULL),
    ('mandate_scope', 'Objets d’un mandat d’animation', false, NULL),
    ('contact_kind', 'Types de contacts', false, NULL),
    ('visibility', 'Visibilité', false, NULL),
    ('programme_nature', 'Nature de la démarche', false, NULL),
    ('scheme', 'Dispositifs associés', false, NULL),
    ('quartier_scheme', 'Géographies prioritaires', false, NULL),
    ('funding_kind', 'Origines des financements', false, NULL),
    ('site_kind', 'Types de sites', false, NULL),
    ('tenure', 'Domanialité', false, NULL),
    ('condition', 'État du site', false, NULL),
    ('calendar', 'Calcul des délais', false, NULL),
    ('status', 'États', false, NULL);

-- Themes: the three domains of the démarche, and what is under each.
INSERT INTO term (vocabulary, position, code, parent_code, label_fr, label_fr_plain, definition_fr) VALUES
    ('themes', 100, 'housing', NULL, 'Logement', 'Les logements',
     'Les logements, les parties communes des immeubles et leur gestion.'),
    ('themes', 200, 'outdoor', NULL, 'Espaces extérieurs', 'Dehors, autour des immeubles',
     'Les rues, les places, les espaces verts, les pieds d’immeubles et leur entretien.'),
    ('themes', 300, 'community_life', NULL, 'Animation et vie associative', 'La vie du quartier',
     'Les activités, les associations, les relations entre habitants et leur participation.'),
    ('themes', 110, 'rental_management', 'housing', 'Gestion locative', 'Le travail du bailleur',
     'Accueil des locataires, suivi des demandes, présence des gardiens.'),
    ('themes', 120, 'building_repair', 'housing', 'Entretien et réhabilitation du bâti', 'Réparer les immeubles', NULL),
    ('themes', 210, 'outdoor_upkeep', 'outdoor', 'Entretien et propreté des espaces extérieurs', 'La propreté dehors', NULL),
    ('themes', 220, 'mobility', 'outdoor', 'Circulation, stationnement et déplacements', 'Circuler et se garer', NULL),
    ('themes', 230, 'outdoor_design', 'outdoor', 'Aménagement et usages des espaces', 'Aménager les espaces', NULL),
    ('themes', 310, 'participation', 'community_life', 'Participation des habitants', 'L’avis des habitants', NULL),
    ('themes', 320, 'associations', 'community_life', 'Vie associative', 'Les associations', NULL),
    ('themes', 330, 'living_together', 'community_life', 'Vivre ensemble', 'Vivre avec ses voisins',
     'Relations de voisinage et entre générations, lien social.'),
    ('themes', 340, 'tranquillity', 'community_life', 'Tranquillité publique', 'Le calme dans le quartier', NULL);

INSERT INTO term (vocabulary, position, code, parent_code, label_fr, label_fr_plain, definition_fr) VALUES
    ('categories', 10, 'cleanliness', 'outdoor', 'Propreté', 'Propreté', 'Salissures, papiers, déjections sur l’espace extérieur.'),
    ('categories', 20, 'bulky_waste', 'outdoor', 'Encombrants et déchets', 'Gros objets et poubelles',
     'Dépôts d’objets volumineux, bacs ou points de collecte qui débordent.'),
    ('categories', 30, 'abandoned_vehicles', 'outdoor', 'Épaves', 'Voitures abandonnées',
     'Véhicules hors d’usage ou laissés sur place.'),
    ('categories', 40, 'graffiti', 'outdoor', 'Tags', 'Tags', 'Inscriptions et affichages non autorisés.'),
    ('categories', 50, 'lighting', 'outdoor', 'Éclairage', 'Lumière', 'Éclairage extérieur absent, en panne ou insuffisant.'),
    ('categories', 60, 'roads', 'outdoor', 'Voirie', 'Rues et trottoirs', 'État de la chaussée, des trottoirs et des cheminements.'),
    ('categories', 70, 'dangerous_traffic', 'outdoor', 'Circulation dangereuse', 'Circulation dangereuse',
     'Vitesse, carrefour ou traversée qui mettent en danger.'),
    ('categories', 80, 'parking', 'outdoor', 'Stationnement', 'Se garer', 'Stationnement gênant ou insuffisant.'),
    ('categories', 90, 'outdoor_upkeep', 'outdoor', 'Entretien des espaces extérieurs', 'Entretien dehors',
     'Entretien courant des pieds d’immeubles, des cours et des abords.'),
    ('categories', 100, 'green_spaces', 'outdoor', 'Espaces verts', 'Arbres et pelouses', 'Tonte, taille, plantations, arrosage.'),
    ('categories', 110, 'furniture_play_areas', 'outdoor', 'Mobilier et jeux', 'Bancs et jeux',
     'Bancs, corbeilles, barrières, aires de jeux.'),
    ('categories', 120, 'common_areas', 'housing', 'Parties communes', 'Hall et escaliers',
     'Halls, escaliers, caves, locaux communs d’un immeuble.'),
    ('categories', 130, 'lift', 'housing', 'Ascenseur', 'Ascenseur', 'Panne ou dégradation d’un ascenseur.'),
    ('categories', 140, 'access_doors', 'housing', 'Accès et portes', 'Portes et interphones',
     'Portes d’entrée, interphones, contrôle d’accès, accessibilité.'),
    ('categories', 150, 'dwelling', 'housing', 'Logement', 'Dans le logement',
     'L’intérieur du logement : volets, balcons, isolation, sanitaires, chauffage, humidité.'),
    ('categories', 160, 'pests', 'housing', 'Nuisibles', 'Insectes et rats', 'Présence d’insectes ou de rongeurs.'),
    ('categories', 170, 'tranquillity', 'community_life', 'Tranquillité', 'Bruit et gêne', 'Bruit, occupations gênantes.'),
    ('categories', 180, 'cohabitation', 'community_life', 'Cohabitation', 'Entre voisins',
     'Difficultés entre voisins ou entre générations.'),
    ('categories', 190, 'social_ties', 'community_life', 'Lien social', 'Se rencontrer', 'Isolement, manque de lieux ou d’activités.'),
    ('categories', 200, 'information', 'community_life', 'Information', 'Être informé',
     'Demande d’information ou information qui n’arrive pas aux habitants.'),
    ('components', 10, 'shutters', 'dwelling', 'Volets', 'Volets', NULL),
    ('components', 20, 'balconies', 'dwelling', 'Balcons', 'Balcons', NULL),
    ('components', 30, 'insulation', 'dwelling', 'Isolation', 'Froid et bruit', 'Isolation thermique ou acoustique.'),
    ('components', 40, 'sanitary', 'dwelling', 'Sanitaires', 'Salle de bain et toilettes', NULL),
    ('components', 50, 'heating', 'dwelling', 'Chauffage', 'Chauffage', NULL),
    ('components', 60, 'damp', 'dwelling', 'Humidité', 'Humidité et moisissures', NULL);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('target_publics', 10, 'residents', 'Habitants', 'Les habitants', NULL),
    ('target_publics', 20, 'tenants', 'Locataires du parc social', 'Les locataires', NULL),
    ('target_publics', 30, 'youth', 'Jeunes', 'Les jeunes', NULL),
    ('target_publics', 40, 'seniors', 'Personnes âgées', 'Les personnes âgées', NULL),
    ('target_publics', 50, 'families', 'Familles', 'Les familles', NULL),
    ('target_publics', 60, 'professionals', 'Professionnels du quartier', 'Ceux qui travaillent dans le quartier', NULL),

    ('actor_kind', 10, 'city', 'Ville', 'La mairie', NULL),
    ('actor_kind', 20, 'city_service', 'Service municipal', 'Un service de la mairie', NULL),
    ('actor_kind', 30, 'epci', 'Agglomération ou métropole', 'L’agglomération',
     'Établissement public de coopération intercommunale.'),
    ('actor_kind', 40, 'state', 'État', 'L’État', 'Préfecture, délégué du préfet, services déconcentrés.'),
    ('actor_kind', 50, 'bailleur', 'Bailleur', 'Le propriétaire des logements sociaux', NULL),
    ('actor_kind', 60, 'bailleur_agency', 'Agence du bailleur', 'L’agence du bailleur', NULL),
    ('actor_kind', 70, 'association', 'Association', 'Une association', NULL),
    ('actor_kind', 80, 'tenants_group', 'Amicale de locataires', 'Un groupe de locataires', NULL),
    ('actor_kind', 90, 'resident_council', 'Conseil citoyen ou table de quartier', 'Le conseil des habitants', NULL),
    ('actor_kind', 100, 'social_centre', 'Centre social', 'Le centre social', NULL),
    ('actor_kind', 110, 'neighbourhood_contractor', 'Régie de quartier', 'La régie de quartier',
     'Association d’insertion qui réalise aussi des travaux dans le quartier.'),
    ('actor_kind', 120, 'syndic', 'Syndic de copropriété', 'Le syndic', NULL),
    ('actor_kind', 130, 'operator', 'Opérateur ou animateur de la démarche', 'Celui qui anime',
     'Assistance à maîtrise d’ouvrage mandatée par la ville.'),
    ('actor_kind', 140, 'resource_centre', 'Centre de ressources', 'Le centre de ressources',
     'Centre de ressources pour la politique de la ville.'),
    ('actor_kind', 150, 'funder', 'Financeur', 'Celui qui finance', NULL),
    ('actor_kind', 160, 'control_body', 'Organisme de contrôle', 'Celui qui contrôle',
     'Chambre régionale des comptes, inspection, audit interne.'),
    ('actor_kind', 170, 'other', 'Autre', 'Autre', NULL),

    ('role', 10, 'city', 'Ville', 'La mairie', 'Conduit la démarche, qualifie, affecte et vérifie.'),
    ('role', 20, 'bailleur', 'Bailleur', 'Le bailleur', 'Répond de son patrimoine et de ses engagements.'),
    ('role', 30, 'association', 'Association', 'Une association', 'Relaie les habitants, dépose des constats, conteste.'),
    ('role', 40, 'institution', 'Institution', 'Une institution', 'État, agglomération ou financeur.'),
    ('role', 50, 'facilitator', 'Animateur', 'Celui qui anime', 'Opérateur mandaté par la ville, dans la limite de son mandat.'),
    ('role', 60, 'auditor', 'Contrôleur', 'Celui qui contrôle', 'Lit l’historique et n’écrit jamais.'),
    ('role', 70, 'admin', 'Administrateur de la plateforme', 'L’administrateur', 'Gère les programmes et les accès, sans écriture métier.'),

    ('mandate_scope', 10, 'programme', 'Programme', NULL, 'Fiche du programme, objectifs et financements.'),
    ('mandate_scope', 20, 'member', 'Membres', NULL, 'Membres du programme, hors ville, animateurs et contrôleurs.'),
    ('mandate_scope', 30, 'rule', 'Règles de responsabilité', NULL, NULL),
    ('mandate_scope', 40, 'term', 'Vocabulaires', NULL, NULL),
    ('mandate_scope', 50, 'quartier', 'Quartiers', NULL, NULL),
    ('mandate_scope', 60, 'meeting', 'Réunions', NULL, NULL),
    ('mandate_scope', 70, 'issue', 'Constats', NULL, NULL),
    ('mandate_scope', 80, 'contribution', 'Contributions', NULL, NULL),
    ('mandate_scope', 90, 'diagnosis', 'Diagnostics', NULL, NULL),
    ('mandate_scope', 100, 'action_plan', 'Plans d’actions', NULL, NULL),
    ('mandate_scope', 110, 'evaluation', 'Évaluations', NULL, NULL),

    ('contact_kind', 10, 'resource_person', 'Personne ressource', 'La personne à appeler', NULL),
    ('contact_kind', 20, 'operational_team', 'Équipe opérationnelle', 'L’équipe sur le terrain', NULL),
    ('contact_kind', 30, 'similar_operator', 'Opérateur similaire', 'Un autre opérateur', NULL),
    ('contact_kind', 40, 'academic_expert', 'Universitaire ou expert', 'Un expert', NULL),
    ('contact_kind', 50, 'institutional_network', 'Réseau institutionnel', 'Un réseau', NULL),
    ('contact_kind', 60, 'documentation', 'Site ou centre de documentation', 'Un centre de documentation', NULL),
    ('contact_kind', 70, 'other', 'Autre', 'Autre', NULL),

    ('visibility', 10, 'public', 'Publique', 'Tout le monde', 'Peut être montré au public.'),
    ('visibility', 20, 'partners', 'Partenaires', 'Les partenaires', 'Visible des membres du programme.'),
    ('visibility', 30, 'internal', 'Interne', 'Nous seuls', 'Visible de la seule institution concernée : la ville ne lit pas ce qu’un bailleur garde pour lui.'),

    ('programme_nature', 10, 'experimental', 'Expérimentale', 'Un essai', NULL),
    ('programme_nature', 20, 'permanent', 'Permanente', 'Pour durer', NULL),

    ('scheme', 10, 'cucs', 'Contrat urbain de cohésion sociale (CUCS)', NULL, NULL),
    ('scheme', 20, 'contrat_de_ville', 'Contrat de ville', NULL, NULL),
    ('scheme', 30, 'quartiers_2030', 'Contrat « Engagements quartiers 2030 »', NULL, NULL),
    ('scheme', 40, 'pnru', 'Programme national de rénovation urbaine (PNRU)', NULL, NULL),
    ('scheme', 50, 'npnru', 'Nouveau programme national de renouvellement urbain (NPNRU)', NULL, NULL),
    ('scheme', 60, 'tfpb', 'Convention d’utilisation de l’abattement de TFPB', NULL,
     'Abattement de taxe foncière sur les propriétés bâties, en échange d’actions dans les quartiers prioritaires.'),
    ('scheme', 70, 'cite_educative', 'Cité éducative', NULL, NULL),
    ('scheme', 80, 'clspd', 'Conseil local de sécurité et de prévention de la délinquance (CLSPD)', NULL, NULL),
    ('scheme', 90, 'other', 'Autre dispositif', NULL, NULL),

    ('quartier_scheme', 10, 'zus', 'Zone urbaine sensible (ZUS)', NULL, NULL),
    ('quartier_scheme', 20, 'cucs', 'Quartier prioritaire du CUCS', NULL, NULL),
    ('quartier_scheme', 30, 'qpv2015', 'Quartier prioritaire, géographie 2015 (QPV)', NULL, NULL),
    ('quartier_scheme', 40, 'qpv2024', 'Quartier prioritaire, géographie 2024 (QPV)', NULL, NULL),
    ('quartier_scheme', 50, 'poche', 'Poche de pauvreté', NULL, 'Hors géographie prioritaire, retenue par le contrat de ville.'),
    ('quartier_scheme', 60, 'veille', 'Territoire de veille active', NULL, 'Ancien quartier prioritaire suivi par le contrat de ville.'),

    ('funding_kind', 10, 'own', 'Fonds propres', 'Notre argent', 'Fonds de l’institution qui porte l’action.'),
    ('funding_kind', 20, 'state', 'État', 'L’État', NULL),
    ('funding_kind', 30, 'epci', 'Agglomération ou métropole', 'L’agglomération', NULL),
    ('funding_kind', 40, 'city', 'Ville', 'La mairie', NULL),
    ('funding_kind', 50, 'tfpb', 'Abattement de TFPB', 'La baisse d’impôt du bailleur', NULL),
    ('funding_kind', 60, 'caf', 'Caisse d’allocations familiales', 'La CAF', NULL),
    ('funding_kind', 70, 'eu', 'Union européenne', 'L’Europe', NULL),
    ('funding_kind', 80, 'other', 'Autre', 'Autre', NULL),

    ('site_kind', 10, 'residence', 'Résidence', 'La résidence', 'Ensemble d’immeubles d’un même propriétaire.'),
    ('site_kind', 20, 'building', 'Immeuble', 'L’immeuble', NULL),
    ('site_kind', 30, 'entrance', 'Entrée', 'L’entrée', NULL),
    ('site_kind', 40, 'block', 'Îlot', 'Le pâté de maisons', NULL),
    ('site_kind', 50, 'outdoor', 'Espace extérieur', 'Dehors', NULL),
    ('site_kind', 60, 'road', 'Voie', 'La rue', NULL),
    ('site_kind', 70, 'facility', 'Équipement', 'Un équipement', 'École, gymnase, centre social, local associatif.'),
    ('site_kind', 80, 'parking', 'Stationnement', 'Le parking', NULL),
    ('site_kind', 90, 'play_area', 'Aire de jeux', 'Les jeux', NULL),

    ('tenure', 10, 'public_city', 'Domaine communal', 'À la mairie', NULL),
    ('tenure', 20, 'public_epci', 'Domaine intercommunal', 'À l’agglomération', NULL),
    ('tenure', 30, 'public_other', 'Autre domaine public', 'À une autre collectivité', 'État, département, région.'),
    ('tenure', 40, 'bailleur_private', 'Propriété du bailleur', 'Au bailleur', NULL),
    ('tenure', 50, 'condominium', 'Copropriété', 'À plusieurs propriétaires', NULL),
    ('tenure', 60, 'mixed', 'Domanialité mixte', 'À plusieurs', 'Plusieurs propriétaires se partagent l’espace.'),
    ('tenure', 70, 'unknown', 'Domanialité inconnue', 'On ne sait pas', 'À établir : personne n’est responsable par défaut.'),

    ('condition', 10, 'good', 'Bon', 'En bon état', NULL),
    ('condition', 20, 'worn', 'Usé', 'Usé', NULL),
    ('condition', 30, 'degraded', 'Dégradé', 'Abîmé', NULL),
    ('condition', 40, 'severe', 'Très dégradé', 'Très abîmé', NULL),

    ('calendar', 10, 'working', 'Jours ouvrés', 'Du lundi au vendredi', 'Sans les fins de semaine ni les jours fériés.'),
    ('calendar', 20, 'calendar', 'Jours calendaires', 'Tous les jours', NULL),

    ('status', 10, 'active', 'Actif', 'En cours', NULL),
    ('status', 20, 'closed', 'Clos', 'Terminé', NULL),
    ('status', 30, 'ended', 'Terminé', 'Fini', NULL),
    ('status', 40, 'archived', 'Archivé', 'Rangé', NULL);

CALL spread_terms();
