extension ROICodes {
    /// The codes of a structure by its TG-263 name, or by another name that means the same (`StructureName`); nil where none are
    /// known. Sides become the modifier, `Kidneys` the right and left kidney.
    package init?(ofStructure name: String) {
        let name = StructureName(name)
        let sides = name.words.filter { $0 == "left" || $0 == "right" }
        if let type = Self.types[name] {
            self.init(category: Self.anatomicalStructure, type: type)
        } else if sides.count == 1, let type = Self.types[name.withoutSide] {
            self.init(
                category: Self.anatomicalStructure,
                type: type,
                modifier: sides == ["left"] ? Self.left : Self.right
            )
        } else if let type = name.sides.compactMap({ Self.types[$0.left.withoutSide] }).first {
            self.init(category: Self.anatomicalStructure, type: type, modifier: Self.rightAndLeft)
        } else {
            return nil
        }
    }

    /// The category of organs (DICOM PS3.16 CID 7150).
    static let anatomicalStructure = term("123037004", "Anatomical Structure")

    /// The modifiers of organs with sides (DICOM PS3.16 CID 244).
    static let left = term("7771000", "Left")
    static let right = term("24028007", "Right")
    static let rightAndLeft = term("51440002", "Right and left")

    private static func term(_ value: String, _ meaning: String) -> CodedTerm {
        CodedTerm(value: value, scheme: "SCT", meaning: meaning)
    }

    private static let types: [StructureName: CodedTerm] = {
        var types: [StructureName: CodedTerm] = [:]
        for (name, value, meaning) in table {
            for key in [name, meaning] { types[StructureName(key)] = term(value, meaning) }
        }
        return types
    }()

    /// TG-263 name without side where sides are a modifier; SNOMED CT code and meaning as DICOM PS3.16 has them (CID 7151 and the
    /// context groups of anatomic regions).
    private static let table = [
        ("A_Aorta", "15825003", "Aorta"),
        ("A_Pulmonary", "81040000", "Pulmonary artery"),
        ("Anus", "53505006", "Anus"),
        ("Atrium_L", "82471001", "Left atrium"),
        ("Atrium_R", "73829009", "Right atrium"),
        ("Bladder", "89837001", "Bladder"),
        ("Bone_Mandible", "91609006", "Mandible"),
        ("Bowel_Large", "14742008", "Large intestine"),
        ("Bowel_Small", "30315005", "Small intestine"),
        ("BrachialPlex", "36582005", "Brachial plexus"),
        ("Brain", "12738006", "Brain"),
        ("Brainstem", "119238007", "Brain stem"),
        ("Breast", "76752008", "Breast"),
        ("Bronchus", "955009", "Bronchus"),
        ("Bronchus_Main_L", "75245000", "Left main bronchus"),
        ("Bronchus_Main_R", "70074004", "Right main bronchus"),
        ("Cavity_Oral", "74262004", "Oral cavity"),
        ("Cerebellum", "113305005", "Cerebellum"),
        ("Cervix", "71252005", "Cervix"),
        ("Chestwall", "78904004", "Chest wall"),
        ("Clavicle", "51299004", "Clavicle"),
        ("Colon", "71854001", "Colon"),
        ("Colon_Sigmoid", "60184004", "Sigmoid colon"),
        ("Cornea", "28726007", "Cornea"),
        ("Duodenum", "38848004", "Duodenum"),
        ("Esophagus", "32849002", "Esophagus"),
        ("Eye", "81745001", "Eye"),
        ("Femur", "71341001", "Femur"),
        ("Femur_Head", "2812003", "Femoral head"),
        ("Gallbladder", "28231008", "Gallbladder"),
        ("Glnd_Adrenal", "23451007", "Adrenal gland"),
        ("Glnd_Lacrimal", "13561001", "Lacrimal gland"),
        ("Glnd_Submand", "54019009", "Submandibular gland"),
        ("Glnd_Thyroid", "69748006", "Thyroid"),
        ("Glottis", "1307006", "Glottis"),
        ("Heart", "80891009", "Heart"),
        ("Hippocampus", "5366008", "Hippocampus"),
        ("Humerus", "85050009", "Humerus"),
        ("Joint_Hip", "24136001", "Hip joint"),
        ("Kidney", "64033007", "Kidney"),
        ("Larynx", "4596009", "Larynx"),
        ("Lens", "78076003", "Lens"),
        ("Lips", "48477009", "Lip"),
        ("Liver", "10200004", "Liver"),
        ("Lobe_Temporal", "78277001", "Temporal lobe"),
        ("Lung", "39607008", "Lung"),
        ("OpticChiasm", "244453006", "Optic chiasm"),
        ("OpticNrv", "18234004", "Optic nerve"),
        ("Ovary", "15497006", "Ovary"),
        ("Pancreas", "15776009", "Pancreas"),
        ("Parotid", "45289007", "Parotid gland"),
        ("Pericardium", "76848001", "Pericardium"),
        ("Pharynx", "54066008", "Pharynx"),
        ("Pituitary", "56329008", "Pituitary"),
        ("Prostate", "41216001", "Prostate"),
        ("Rectum", "34402009", "Rectum"),
        ("Retina", "5665001", "Retina"),
        ("Sacrum", "54735007", "Sacrum"),
        ("Scapula", "79601000", "Scapula"),
        ("SeminalVes", "64739004", "Seminal vesicle"),
        ("SpinalCanal", "61853006", "Vertebral canal"),
        ("SpinalCord", "2748008", "Spinal cord"),
        ("Spleen", "78961009", "Spleen"),
        ("Sternum", "56873002", "Sternum"),
        ("Stomach", "69695003", "Stomach"),
        ("Testis", "40689003", "Testis"),
        ("Thymus", "9875009", "Thymus"),
        ("Tongue", "21974007", "Tongue"),
        ("Trachea", "44567001", "Trachea"),
        ("Ureter", "87953007", "Ureter"),
        ("Urethra", "13648007", "Urethra"),
        ("Uterus", "35039007", "Uterus"),
        ("V_Venacava_I", "64131007", "Inferior vena cava"),
        ("V_Venacava_S", "48345005", "Superior vena cava"),
        ("Vagina", "76784001", "Vagina"),
        ("Ventricle_L", "87878005", "Left ventricle"),
        ("Ventricle_R", "53085002", "Right ventricle"),
    ]
}
