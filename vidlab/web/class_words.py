"""Names of COCO's classes of things in Russian, for people who look for them so."""

RUSSIAN: dict[str, str] = {
    "person": "человек", "bicycle": "велосипед", "car": "автомобиль", "motorcycle": "мотоцикл",
    "airplane": "самолёт", "bus": "автобус", "train": "поезд", "truck": "грузовик", "boat": "лодка",
    "traffic light": "светофор", "fire hydrant": "пожарный гидрант", "stop sign": "знак «стоп»",
    "parking meter": "парковочный счётчик", "bench": "скамейка", "bird": "птица", "cat": "кошка",
    "dog": "собака", "horse": "лошадь", "sheep": "овца", "cow": "корова", "elephant": "слон",
    "bear": "медведь", "zebra": "зебра", "giraffe": "жираф", "backpack": "рюкзак", "umbrella": "зонт",
    "handbag": "сумка", "tie": "галстук", "suitcase": "чемодан", "frisbee": "фрисби", "skis": "лыжи",
    "snowboard": "сноуборд", "sports ball": "мяч", "kite": "воздушный змей",
    "baseball bat": "бейсбольная бита", "baseball glove": "бейсбольная перчатка",
    "skateboard": "скейтборд", "surfboard": "доска для сёрфинга", "tennis racket": "теннисная ракетка",
    "bottle": "бутылка", "wine glass": "бокал", "cup": "чашка", "fork": "вилка", "knife": "нож",
    "spoon": "ложка", "bowl": "миска", "banana": "банан", "apple": "яблоко", "sandwich": "бутерброд",
    "orange": "апельсин", "broccoli": "брокколи", "carrot": "морковь", "hot dog": "хот-дог",
    "pizza": "пицца", "donut": "пончик", "cake": "торт", "chair": "стул", "couch": "диван",
    "potted plant": "комнатное растение", "bed": "кровать", "dining table": "стол", "toilet": "унитаз",
    "tv": "телевизор", "laptop": "ноутбук", "mouse": "компьютерная мышь", "remote": "пульт",
    "keyboard": "клавиатура", "cell phone": "телефон", "microwave": "микроволновка", "oven": "духовка",
    "toaster": "тостер", "sink": "раковина", "refrigerator": "холодильник", "book": "книга",
    "clock": "часы", "vase": "ваза", "scissors": "ножницы", "teddy bear": "плюшевый мишка",
    "hair drier": "фен", "toothbrush": "зубная щётка",
}  # fmt: skip
